// Package orders prices, signs and books orders on a few worker goroutines.
package orders

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"runtime/pprof"
	"sort"
	"sync"
)

// Line is one position of an order.
type Line struct {
	Product int `json:"product"`
	Count   int `json:"count"`
}

// Prices knows what a product costs.
type Prices interface {
	Price(product int) int64
}

// Order is an order as it is booked.
type Order struct {
	Tenant string `json:"tenant"`
	Lines  []Line `json:"lines"`
	Cents  int64  `json:"cents"`
}

type job struct {
	ctx    context.Context // carries the profile labels of who ordered
	order  Order
	result chan string
}

// Desk takes orders and hands them to its workers.
type Desk struct {
	prices Prices
	jobs   chan job
	done   sync.WaitGroup

	mu     sync.Mutex
	booked []Order // the last ones, as a ring
	next   int
}

const ringSize = 500

var key = []byte("not a secret")

// NewDesk starts a desk of n workers.
func NewDesk(prices Prices, n int) *Desk {
	desk := &Desk{prices: prices, jobs: make(chan job)}
	for i := 0; i < n; i++ {
		desk.done.Add(1)
		go desk.work()
	}
	return desk
}

// Close waits for the workers; no order may follow.
func (d *Desk) Close() {
	close(d.jobs)
	d.done.Wait()
}

// Process books an order and returns its signature.
func (d *Desk) Process(ctx context.Context, tenant string, lines []Line) string {
	j := job{ctx: ctx, order: Order{Tenant: tenant, Lines: lines}, result: make(chan string)}
	d.jobs <- j
	return <-j.result
}

func (d *Desk) work() {
	defer d.done.Done()
	for j := range d.jobs {
		// The worker works on behalf of the caller, and so do its samples.
		pprof.SetGoroutineLabels(j.ctx)
		j.result <- d.handle(j.order)
		pprof.SetGoroutineLabels(context.Background())
	}
}

func (d *Desk) handle(order Order) string {
	consolidate(&order)
	for _, line := range order.Lines {
		order.Cents += d.prices.Price(line.Product) * int64(line.Count)
	}
	body, err := json.Marshal(order)
	if err != nil {
		panic(err) // orders always marshal
	}
	d.book(order)
	return sign(body)
}

// consolidate sorts the lines and unites those of one product.
func consolidate(order *Order) {
	sort.Slice(order.Lines, func(i, j int) bool { return order.Lines[i].Product < order.Lines[j].Product })
	lines := order.Lines[:0]
	for _, line := range order.Lines {
		if n := len(lines); n > 0 && lines[n-1].Product == line.Product {
			lines[n-1].Count += line.Count
		} else {
			lines = append(lines, line)
		}
	}
	order.Lines = lines
}

// sign chains many rounds, as a slow key derivation does.
func sign(body []byte) string {
	sum := body
	for round := 0; round < 2000; round++ {
		mac := hmac.New(sha256.New, key)
		mac.Write(sum)
		sum = mac.Sum(nil)
	}
	return hex.EncodeToString(sum)
}

func (d *Desk) book(order Order) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.booked) < ringSize {
		d.booked = append(d.booked, order)
		return
	}
	d.booked[d.next] = order
	d.next = (d.next + 1) % ringSize
}

// Report sums the booked orders up per tenant, as JSON.
func (d *Desk) Report() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	turnover := make(map[string]int64)
	sold := make(map[int]int)
	for _, order := range d.booked {
		turnover[order.Tenant] += order.Cents
		for _, line := range order.Lines {
			sold[line.Product] += line.Count
		}
	}
	body, err := json.Marshal(struct {
		Turnover map[string]int64 `json:"turnover"`
		Sold     map[int]int      `json:"sold"`
	}{turnover, sold})
	if err != nil {
		panic(err) // maps of numbers always marshal
	}
	return body
}
