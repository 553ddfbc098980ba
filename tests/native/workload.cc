/*
 * workload.cc
 *		A program that profiles itself with gperftools, as C and C++ programs do.
 *
 *		workload DIR		writes DIR/cpu, DIR/heap.0001.heap and DIR/sampled
 *
 * cpu: binary, of some 0.4 s of processor time.  heap.0001.heap: text of every
 * allocation.  sampled: text of what tcmalloc samples (TCMALLOC_SAMPLE_PARAMETER).
 */
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include <gperftools/heap-profiler.h>
#include <gperftools/malloc_extension.h>
#include <gperftools/profiler.h>

static volatile unsigned sink;

__attribute__((noinline)) static void
burn(unsigned rounds)
{
	unsigned x = rounds;

	for (unsigned i = 0; i < rounds; i++)
		x = x * 1664525u + 1013904223u;
	sink = x;
}

__attribute__((noinline)) static void
work(double seconds)
{
	std::clock_t until = std::clock() + static_cast<std::clock_t>(seconds * CLOCKS_PER_SEC);

	while (std::clock() < until)
		burn(100000);
}

__attribute__((noinline)) static std::vector<std::string *>
remember(int n)
{
	std::vector<std::string *> kept;

	for (int i = 0; i < n; i++)
		kept.push_back(new std::string(static_cast<size_t>(100 + i % 900), 'x'));
	return kept;
}

__attribute__((noinline)) static void
forget(int n)
{
	for (int i = 0; i < n; i++)
	{
		void *volatile block = std::malloc(static_cast<size_t>(1000 + i));

		std::free(block);
	}
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		return 2;

	const std::string dir = argv[1];
	std::string sampled;

	ProfilerStart((dir + "/cpu").c_str());
	work(0.4);
	ProfilerStop();

	/* what the heap profiler watches is not sampled: before it starts */
	std::vector<std::string *> kept = remember(20000);

	MallocExtension::instance()->GetHeapSample(&sampled);
	std::ofstream(dir + "/sampled") << sampled;

	HeapProfilerStart((dir + "/heap").c_str());
	std::vector<std::string *> more = remember(3000);
	forget(500);
	HeapProfilerDump("end");
	HeapProfilerStop();

	for (std::string *text : kept)
		delete text;
	for (std::string *text : more)
		delete text;
	return 0;
}
