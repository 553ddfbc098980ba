// Package load calls a function again and again without using more than a
// given share of the machine.
package load

import (
	"context"
	"math/rand"
	"sync"
	"syscall"
	"time"
)

const (
	visitors = 6
	// How far a burst may run ahead of the budget.
	burst = 20 * time.Millisecond
)

// governor grants CPU time: share seconds per second of the wall clock, less
// what the whole process has used, whoever used it.
type governor struct {
	share float64

	mu     sync.Mutex
	budget time.Duration
	wall   time.Time
	cpu    time.Duration
}

func cpuUsed() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// wait is how long to pause until the budget is positive again.
func (g *governor) wait() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, cpu := time.Now(), cpuUsed()
	g.budget += time.Duration(float64(now.Sub(g.wall))*g.share) - (cpu - g.cpu)
	g.wall, g.cpu = now, cpu
	if g.budget > burst {
		g.budget = burst
	}
	if g.budget > 0 {
		return 0
	}
	return time.Duration(float64(-g.budget)/g.share) + time.Millisecond
}

// Start runs visit on a few goroutines, using share cores in all, until ctx
// ends; Wait on the result returns when they have stopped.
func Start(ctx context.Context, share float64, visit func(context.Context, *rand.Rand)) *sync.WaitGroup {
	var running sync.WaitGroup
	if share <= 0 {
		return &running
	}
	g := &governor{share: share, wall: time.Now(), cpu: cpuUsed()}
	for i := 0; i < visitors; i++ {
		running.Add(1)
		go func(seed int64) {
			defer running.Done()
			run(ctx, g, rand.New(rand.NewSource(seed)), visit)
		}(int64(i))
	}
	return &running
}

func run(ctx context.Context, g *governor, random *rand.Rand, visit func(context.Context, *rand.Rand)) {
	for ctx.Err() == nil {
		for n := 0; n < 8; n++ {
			visit(ctx, random)
		}
		if pause := g.wait(); pause > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}
}
