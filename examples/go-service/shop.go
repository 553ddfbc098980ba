package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"runtime/pprof"

	"pgpprof.example/shop/cache"
	"pgpprof.example/shop/catalog"
	"pgpprof.example/shop/orders"
)

// shop is what the HTTP handlers and the self-made load share.
type shop struct {
	index   *catalog.Index
	desk    *orders.Desk
	answers *cache.LRU
}

// labelled runs f with the profile labels endpoint and tenant.
func labelled(ctx context.Context, endpoint, tenant string, f func(context.Context)) {
	pprof.Do(ctx, pprof.Labels("endpoint", endpoint, "tenant", tenant), f)
}

// find answers a search from the cache or the index, as JSON.
func (s *shop) find(query string) []byte {
	return s.answers.Get(query, func() []byte {
		body, err := json.Marshal(s.index.Search(query, 20))
		if err != nil {
			panic(err) // products always marshal
		}
		return body
	})
}

// visit is one visitor of the self-made load: mostly searches, some orders,
// now and then a report.
func (s *shop) visit(ctx context.Context, random *rand.Rand) {
	tenant := [...]string{"acme", "globex", "initech"}[random.Intn(3)]
	switch n := random.Intn(100); {
	case n < 60:
		query := s.index.RandomQuery(random)
		labelled(ctx, "/search", tenant, func(context.Context) { s.find(query) })
	case n < 99:
		cart := s.index.RandomCart(random)
		labelled(ctx, "/order", tenant, func(ctx context.Context) { s.desk.Process(ctx, tenant, cart) })
	default:
		labelled(ctx, "/report", tenant, func(context.Context) { s.desk.Report() })
	}
}

func tenantOf(r *http.Request) string {
	if tenant := r.Header.Get("X-Tenant"); tenant != "" {
		return tenant
	}
	return "guest"
}

func (s *shop) search(w http.ResponseWriter, r *http.Request) {
	labelled(r.Context(), "/search", tenantOf(r), func(context.Context) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(s.find(r.URL.Query().Get("q")))
	})
}

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	var cart []orders.Line
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&cart); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	labelled(r.Context(), "/order", tenantOf(r), func(ctx context.Context) {
		fmt.Fprintln(w, s.desk.Process(ctx, tenantOf(r), cart))
	})
}

func (s *shop) report(w http.ResponseWriter, r *http.Request) {
	labelled(r.Context(), "/report", tenantOf(r), func(context.Context) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(s.desk.Report())
	})
}
