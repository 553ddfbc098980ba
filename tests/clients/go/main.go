// Real clients against a bridge, as TAP: Pyroscope's Go SDK pushes to /ingest, the Connect
// client generated from Pyroscope's own definitions pushes and asks.
//
//	go run . http://127.0.0.1:4040
package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"runtime/pprof"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"github.com/grafana/pyroscope-go"
	pushv1 "github.com/grafana/pyroscope/api/gen/proto/go/push/v1"
	"github.com/grafana/pyroscope/api/gen/proto/go/push/v1/pushv1connect"
	querierv1 "github.com/grafana/pyroscope/api/gen/proto/go/querier/v1"
	"github.com/grafana/pyroscope/api/gen/proto/go/querier/v1/querierv1connect"
	typesv1 "github.com/grafana/pyroscope/api/gen/proto/go/types/v1"
)

const cpuType = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"

var (
	count  int
	failed bool
)

func check(ok bool, format string, args ...any) {
	word := "ok"
	if !ok {
		word, failed = "not ok", true
	}
	count++
	fmt.Printf("%s %d - %s\n", word, count, fmt.Sprintf(format, args...))
}

func burn(d time.Duration) float64 {
	x := 0.0
	for end := time.Now().Add(d); time.Now().Before(end); {
		x += math.Sqrt(x + 1)
	}
	return x
}

// SDK: start, burn, stop; stopping uploads what there is.
func sdk(url string) {
	profiler, err := pyroscope.Start(pyroscope.Config{
		ApplicationName: "sdk.test",
		ServerAddress:   url,
		UploadRate:      2 * time.Second,
		Tags:            map[string]string{"env": "test"},
		ProfileTypes: []pyroscope.ProfileType{pyroscope.ProfileCPU, pyroscope.ProfileInuseSpace,
			pyroscope.ProfileAllocSpace, pyroscope.ProfileGoroutines},
	})
	if err != nil {
		check(false, "start: %v", err)
		return
	}
	burn(5 * time.Second)
	check(profiler.Stop() == nil, "SDK stopped")
}

func push(url string) {
	var body bytes.Buffer
	pprof.StartCPUProfile(&body)
	burn(time.Second)
	pprof.StopCPUProfile()
	for name, opts := range map[string][]connect.ClientOption{
		"proto": nil, "gzip": {connect.WithSendGzip()}, "json": {connect.WithProtoJSON()},
	} {
		client := pushv1connect.NewPusherServiceClient(http.DefaultClient, url, opts...)
		_, err := client.Push(context.Background(), connect.NewRequest(&pushv1.PushRequest{
			Series: []*pushv1.RawProfileSeries{{
				Labels: []*typesv1.LabelPair{{Name: "__name__", Value: "process_cpu"},
					{Name: "service_name", Value: "connect." + name}},
				Samples: []*pushv1.RawSample{{RawProfile: body.Bytes(), ID: uuid.NewString()}},
			}}}))
		check(err == nil, "push as %s: %v", name, err)
	}
	client := pushv1connect.NewPusherServiceClient(http.DefaultClient, url)
	_, err := client.Push(context.Background(), connect.NewRequest(&pushv1.PushRequest{}))
	check(connect.CodeOf(err) == connect.CodeInvalidArgument, "an empty push: %v", err)
}

func query(url string, opts ...connect.ClientOption) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client := querierv1connect.NewQuerierServiceClient(http.DefaultClient, url, opts...)
	end := time.Now().UnixMilli()
	start := end - 600000
	types, err := client.ProfileTypes(ctx, connect.NewRequest(&querierv1.ProfileTypesRequest{Start: start, End: end}))
	check(err == nil && len(types.Msg.ProfileTypes) >= 3, "profile types: %v", err)
	names, err := client.LabelNames(ctx, connect.NewRequest(&typesv1.LabelNamesRequest{Start: start, End: end}))
	check(err == nil && len(names.Msg.Names) > 5, "label names: %v", err)
	for _, service := range []string{"sdk.test", "connect.proto", "connect.gzip", "connect.json"} {
		selector := fmt.Sprintf("{service_name=%q}", service)
		flame, err := client.SelectMergeStacktraces(ctx, connect.NewRequest(&querierv1.SelectMergeStacktracesRequest{
			ProfileTypeID: cpuType, LabelSelector: selector, Start: start, End: end}))
		found := false
		if err == nil && flame.Msg.Flamegraph != nil {
			for _, name := range flame.Msg.Flamegraph.Names {
				found = found || name == "main.burn"
			}
		}
		check(found, "flame graph of %s: %v", service, err)
		series, err := client.SelectSeries(ctx, connect.NewRequest(&querierv1.SelectSeriesRequest{
			ProfileTypeID: cpuType, LabelSelector: selector, Start: start, End: end, Step: 15,
			GroupBy: []string{"service_name"}}))
		check(err == nil && len(series.Msg.Series) == 1 && len(series.Msg.Series[0].Points) > 0,
			"series of %s: %v", service, err)
	}
	_, err = client.SelectMergeStacktraces(ctx, connect.NewRequest(&querierv1.SelectMergeStacktracesRequest{}))
	check(connect.CodeOf(err) == connect.CodeInvalidArgument, "an empty query: %v", err)
	_, err = client.Diff(ctx, connect.NewRequest(&querierv1.DiffRequest{}))
	check(connect.CodeOf(err) == connect.CodeUnimplemented, "what is not there: %v", err)
}

func main() {
	url := os.Args[1]
	sdk(url)
	push(url)
	query(url)
	query(url, connect.WithProtoJSON())
	fmt.Printf("1..%d\n", count)
	if failed {
		os.Exit(1)
	}
}
