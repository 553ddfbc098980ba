// Command shop is a small, busy web shop to be profiled: it searches a
// catalogue, prices and signs orders, and keeps answers in a cache.  It makes
// its own load, so that there is something to see without any client.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof" // serves /debug/pprof/
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"pgpprof.example/shop/cache"
	"pgpprof.example/shop/catalog"
	"pgpprof.example/shop/load"
	"pgpprof.example/shop/orders"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:6060", "address to serve on, profiles at /debug/pprof/")
	share := flag.Float64("load", 0.3, "CPU to use for self-made load, in cores; 0 makes none")
	workers := flag.Int("workers", 8, "goroutines that process orders")
	products := flag.Int("products", 5000, "size of the catalogue")
	flag.Parse()
	log.SetFlags(log.Ltime)

	// Without these two the mutex and block profiles stay empty.
	runtime.SetMutexProfileFraction(10)
	runtime.SetBlockProfileRate(int(10 * time.Microsecond))

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	index := catalog.New(*products)
	desk := orders.NewDesk(index, *workers)
	shop := &shop{index: index, desk: desk, answers: cache.New(1500)}
	http.HandleFunc("/search", shop.search)
	http.HandleFunc("/order", shop.order)
	http.HandleFunc("/report", shop.report)

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Print(err)
			stop()
		}
	}()
	log.Printf("shop: http://%s, profiles at /debug/pprof/, load %.2f cores", listener.Addr(), *share)

	generator := load.Start(ctx, *share, shop.visit)
	<-ctx.Done()

	generator.Wait()
	deadline, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	// A profile that is still being taken holds Shutdown up; then the process just ends.
	if err := server.Shutdown(deadline); err == nil {
		desk.Close()
	}
	log.Print("shop: stopped")
}
