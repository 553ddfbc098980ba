# Profiles that programs write of themselves with gperftools, and those that perf
# records of them: as the pprof tool reads them, and as perf counts them.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PgpprofNode;
use PgpprofTool;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $source = "$FindBin::RealBin/../native/workload.cc";
my ($compiler) = grep { run_quietly($_, '--version') } 'c++', 'g++', 'clang++-14';
my $node = pgpprof_node('main', conf => "client_min_messages = warning\n");

sub run_quietly
{
	my (@command) = @_;
	return eval { IPC::Run::run(\@command, '<', \undef, '>', '/dev/null', '2>', '/dev/null') };
}

sub output
{
	my (@command) = @_;
	my ($out, $err) = ('', '');
	return eval { IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err) } ? $out : '';
}

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }

# What a file is as a profile, in SQL.
sub profile { my ($name) = @_; return "pprof.from_bytea(pg_read_binary_file('$dir/$name'), 'auto')" }

sub ours
{
	my ($report, $profile) = @_;
	return pack 'H*', sql("SELECT encode(convert_to(pprof.report($profile, '$report'), 'UTF8'), 'hex')");
}

# -- gperftools ---------------------------------------------------------------

# Without -no-as-needed, what malloc() comes from may be left out.
sub compile
{
	my ($program, @libraries) = @_;
	return run_quietly($compiler, '-O1', '-g', '-fno-omit-frame-pointer', '-o', $program, $source,
		'-Wl,--no-as-needed', @libraries);
}

sub write_profiles
{
	local %ENV = (%ENV, TCMALLOC_SAMPLE_PARAMETER => 16384, CPUPROFILE_FREQUENCY => 250);
	return run_quietly("$dir/workload", $dir) && -s "$dir/cpu" && -s "$dir/heap.0001.heap" && -s "$dir/sampled";
}

# The tool of Go before 1.20 compacts a single file, too.
sub same_as_tool
{
	my ($name, $tool) = @_;
	my ($minor) = $tool->version =~ /go1\.(\d+)/;
	my $p = profile($name);
	$p = "pprof.compact($p)" if defined $minor && $minor < 20;
	my @theirs = $tool->run_all(map { [ "-$_", "$dir/$name" ] } qw(raw top));
	is(ours($_, $p), shift @theirs, "$name: $_ is that of the tool") foreach qw(raw top);
	return;
}

SKIP:
{
	skip 'no C++ compiler', 1 if !$compiler;
	skip 'no gperftools (libgoogle-perftools-dev)', 1 if !compile("$dir/workload", '-lprofiler', '-ltcmalloc');
	ok(write_profiles(), 'the program writes its profiles') or last SKIP;
	is(sql("SELECT pprof.detect_format(pg_read_binary_file('$dir/cpu'))"), 'gperftools_cpu', 'binary CPU profile');
	is(sql("SELECT pprof.detect_format(pg_read_binary_file('$dir/$_'))"), 'gperftools_heap', "heap text: $_")
	  foreach qw(heap.0001.heap sampled);

	# sampling is by the clock of the processor: a few of the hundred may be missing
	cmp_ok(sql("SELECT pprof.total(${\ profile('cpu')}, 'cpu') / 1e9"), '>', 0.2, 'most of 0.4 s are in it');
	is(sql("SELECT pprof.num_samples(${\ profile('sampled')}) > 0"), 't', 'and samples of allocations');
	is(sql("SELECT bool_and(filename LIKE '/%' OR filename LIKE '[%') FROM pprof.mappings(${\ profile('cpu')}) WHERE filename <> ''"),
		't', 'mappings are files');

	my $debian = PgpprofTool->debian($dir);
	skip 'no pprof tool from Debian', 1 if !$debian;
	note $debian->version;
	same_as_tool($_, $debian) foreach qw(cpu heap.0001.heap sampled);
}

# -- perf ---------------------------------------------------------------------

# Samples by the name of their leaf, as perf script prints them.
sub leaves
{
	my ($script) = @_;
	my %count;
	for my $sample (split /\n\n+/, $script)
	{
		my (undef, $leaf) = split /\n/, $sample;
		my ($symbol) = ($leaf // '') =~ /^\t *[0-9a-f]+ (.*?)(?:\+0x[0-9a-f]+)? \(.*\)$/ or next;
		$count{$symbol}++ if $symbol ne '[unknown]';
	}
	return join "\n", map { "$_|$count{$_}" } sort keys %count;
}

SKIP:
{
	my @record = ('perf', 'record', '-q', '-F', '199', '-g', '-e', 'cpu-clock:u', '-o', "$dir/perf.data");
	skip 'perf cannot record here', 1
	  if !run_quietly(@record, 'perl', '-e', 'my $x = 0; $x += $_ * $_ for 1 .. 4_000_000;');
	my $script = output('perf', 'script', '-f', '-i', "$dir/perf.data");
	skip 'perf recorded nothing', 1 if $script !~ /cpu-clock/;
	append_to_file("$dir/script", $script);
	my $p = profile('script');

	is(sql("SELECT pprof.detect_format(pg_read_binary_file('$dir/script'))"), 'perf_script', 'the text of perf script');
	is(sql("SELECT pprof.total($p, 'cpu-clock_sample')"), scalar(() = $script =~ /cpu-clock:?u?: *$/mg), 'all samples');
	is(sql(<<"SQL"), leaves($script), 'by their leaves');
SELECT name || '|' || sum(flat) FROM pprof.top($p, 'cpu-clock_sample')
 WHERE flat > 0 AND name !~ '^(\\[|0x|<)' GROUP BY name ORDER BY name COLLATE "C"
SQL
	my ($status, undef, $stderr) = $node->psql('postgres', "SELECT pprof.from_bytea(pg_read_binary_file('$dir/perf.data'), 'auto')");
	like($stderr, qr/perf\.data format of Linux perf is not supported; send what "perf script" prints/,
		'perf.data itself is refused, with what to do');
}

$node->stop;
done_testing();
