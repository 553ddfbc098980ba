// Package cache is an LRU of rendered answers behind one lock.
package cache

import (
	"bytes"
	"compress/flate"
	"container/list"
	"io"
	"sync"
)

// LRU keeps the last answers, compressed.  One mutex guards all of it and is
// held while an answer is packed: the contention is what the mutex profile shows.
type LRU struct {
	mu    sync.Mutex
	size  int
	order *list.List // of *entry, last used first
	byKey map[string]*list.Element
}

type entry struct {
	key    string
	packed []byte
}

// New makes a cache of at most size answers.
func New(size int) *LRU {
	return &LRU{size: size, order: list.New(), byKey: make(map[string]*list.Element)}
}

// Get returns the answer to key, made by render when it is not there.
func (c *LRU) Get(key string, render func() []byte) []byte {
	if packed, ok := c.lookup(key); ok {
		return unpack(packed)
	}
	answer := render()
	c.store(key, answer)
	return answer
}

func (c *LRU) lookup(key string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byKey[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*entry).packed, true
}

func (c *LRU) store(key string, answer []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[key]; ok {
		return
	}
	c.byKey[key] = c.order.PushFront(&entry{key, pack(answer)})
	for c.order.Len() > c.size {
		oldest := c.order.Back()
		delete(c.byKey, oldest.Value.(*entry).key)
		c.order.Remove(oldest)
	}
}

// A flate.Writer takes more than a megabyte; they go round.
var writers = sync.Pool{New: func() interface{} {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

func pack(answer []byte) []byte {
	var packed bytes.Buffer
	w := writers.Get().(*flate.Writer)
	defer writers.Put(w)
	w.Reset(&packed)
	w.Write(answer)
	w.Close()
	return packed.Bytes()
}

func unpack(packed []byte) []byte {
	answer, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		panic(err) // packed by pack
	}
	return answer
}
