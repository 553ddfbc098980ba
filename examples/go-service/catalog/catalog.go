// Package catalog is an in-memory product index with ranked text search.
package catalog

import (
	"fmt"
	"math/rand"
	"sort"
	"strings"

	"pgpprof.example/shop/orders"
)

// Product is one article.
type Product struct {
	ID    int      `json:"id"`
	Name  string   `json:"name"`
	Words []string `json:"words"`
	Cents int64    `json:"cents"`
}

// Hit is a product with how well it answers a query.
type Hit struct {
	Product
	Score float64 `json:"score"`
}

// Index finds products by the words of their descriptions.
type Index struct {
	products []Product
	postings map[string][]int // word -> products, ascending
}

var words = strings.Fields(`amber anchor bright canvas cedar copper dusk ember
	feather flint garden glass harbour hazel iron ivory jade juniper kettle lamp
	linen maple marble north oak ochre paper pearl quartz quiet river rustic
	saddle silver stone timber umber velvet walnut willow winter woven`)

// New makes up a catalogue of n products, the same one each time.
func New(n int) *Index {
	random := rand.New(rand.NewSource(1))
	index := &Index{postings: make(map[string][]int)}
	for id := 0; id < n; id++ {
		product := Product{ID: id, Cents: 100 + random.Int63n(50000)}
		for len(product.Words) < 6 {
			product.Words = append(product.Words, words[random.Intn(len(words))])
		}
		product.Name = fmt.Sprintf("%s %s no. %d", product.Words[0], product.Words[1], id)
		index.add(product)
	}
	return index
}

func (x *Index) add(product Product) {
	x.products = append(x.products, product)
	for _, word := range product.Words {
		list := x.postings[word]
		if len(list) == 0 || list[len(list)-1] != product.ID {
			x.postings[word] = append(list, product.ID)
		}
	}
}

// Search returns the best hits for the words of query.
func (x *Index) Search(query string, limit int) []Hit {
	scores := make(map[int]float64)
	for _, term := range tokenize(query) {
		x.score(term, scores)
	}
	return x.rank(scores, limit)
}

func tokenize(query string) []string {
	return strings.FieldsFunc(strings.ToLower(query), func(r rune) bool {
		return r == ' ' || r == ',' || r == '+'
	})
}

// score adds what one term is worth to each product that has it: rare words more.
func (x *Index) score(term string, scores map[int]float64) {
	list := x.postings[term]
	if len(list) == 0 {
		return
	}
	worth := float64(len(x.products)) / float64(len(list))
	for _, id := range list {
		scores[id] += worth
	}
}

func (x *Index) rank(scores map[int]float64, limit int) []Hit {
	hits := make([]Hit, 0, len(scores))
	for id, score := range scores {
		hits = append(hits, Hit{x.products[id], score})
	}
	sort.Slice(hits, func(i, j int) bool {
		if hits[i].Score != hits[j].Score {
			return hits[i].Score > hits[j].Score
		}
		return hits[i].ID < hits[j].ID
	})
	if len(hits) > limit {
		hits = hits[:limit]
	}
	return hits
}

// Price of a product in cents.
func (x *Index) Price(id int) int64 {
	if id < 0 || id >= len(x.products) {
		return 0
	}
	return x.products[id].Cents
}

// RandomQuery is what a visitor might type.
func (x *Index) RandomQuery(random *rand.Rand) string {
	return words[random.Intn(len(words))] + " " + words[random.Intn(len(words))]
}

// RandomCart is what a visitor might buy.
func (x *Index) RandomCart(random *rand.Rand) []orders.Line {
	cart := make([]orders.Line, 1+random.Intn(40))
	for i := range cart {
		cart[i] = orders.Line{Product: random.Intn(len(x.products)), Count: 1 + random.Intn(5)}
	}
	return cart
}
