# From a real Go program to a flame graph: its profiles are scraped, merged in
# SQL and served over HTTP, and numbers equal those of the pprof tool.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use JSON::PP;
use PgpprofNode;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

my $shop = $ENV{PGPPROF_SHOP} or die 'PGPPROF_SHOP: the built example';
my $go = $ENV{PGPPROF_GO} // 'go';
my $dir = "$ENV{TESTDATADIR}/work";
mkdir $ENV{TESTDATADIR};
mkdir $dir or die "$dir: $!";

my $shop_port = pgpprof_free_port();
my $bridge_port = pgpprof_free_port();
my $user = getpwuid($<);

defined(my $shop_pid = fork) or die "fork: $!";
if ($shop_pid == 0)
{
	open(STDERR, '>', "$dir/shop.log") or die $!;
	exec $shop, '-listen', "127.0.0.1:$shop_port", '-load', '0.5';
}
END { kill 'TERM', $shop_pid if $shop_pid }

my $node = pgpprof_node('main', start => 0);
$node->append_conf('postgresql.conf', <<"CONF");
pprof.scrape_reload = '200ms'
pprof.bridge = on
pprof.bridge_path = '${\ pgpprof_bin('pprof-bridge')}'
pprof.bridge_listen = '127.0.0.1:$bridge_port'
pprof.bridge_database = 'host=${\ $node->host} port=${\ $node->port} user=$user dbname=postgres'
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pprof');

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }

sub http
{
	my (@args) = @_;
	my $out = qx{@{[join ' ', map { quotemeta } 'curl', '-sS', '--retry', 20, '--retry-connrefused', '--retry-delay', 1, @args]}};
	die "curl @args: exit status $?" if $?;
	return $out;
}

my ($cpu, $goroutine) = ('process_cpu:cpu:nanoseconds:cpu:nanoseconds', 'goroutine:goroutine:count:goroutine:count');

# --- stored numbers are the tool's numbers ---

# Flat and cumulative value of every function, from `go tool pprof -top`.
sub tool_top
{
	my ($file, $index, $unit) = @_;
	local %ENV = (%ENV, HOME => $dir, GOCACHE => "$dir/go-cache", GOFLAGS => '', GOTOOLCHAIN => 'local', TZ => 'UTC',
		PPROF_BINARY_PATH => '/nonexistent', PPROF_TMPDIR => $dir);
	my ($out, $err);
	IPC::Run::run([$go, 'tool', 'pprof', '-symbolize=none', '-top', '-trim=false', "-unit=$unit", "-sample_index=$index", $file],
		'>', \$out, '2>', \$err) or die "pprof: $err";
	my %top;
	for (split /\n/, $out)
	{
		next unless /^ *(-?\d+)(?:$unit)? +\S+ +\S+ +(-?\d+)(?:$unit)? +\S+  (.*?)(?: \((?:partial-)?inline\))?$/;
		$top{$3} = "$1 $2";
	}
	return \%top;
}

sub our_top
{
	my ($type, $service) = @_;
	my %top;
	for (split /\n/, sql("SELECT name, flat || ' ' || cum FROM pprof.top(pprof.query('$type', '{service_name=\"$service\"}', now() - interval '1 day', now() + interval '1 day'))"))
	{
		my ($name, $values) = /^(.*)\|(.*)$/s;
		$top{$name} = $values;
	}
	return \%top;
}

http('-o', "$dir/cpu.pb.gz", "http://127.0.0.1:$shop_port/debug/pprof/profile?seconds=2");
http('-o', "$dir/goroutine.pb.gz", "http://127.0.0.1:$shop_port/debug/pprof/goroutine");
for (['cpu', 'process_cpu', $cpu, 'cpu', 'nanoseconds'], ['goroutine', 'goroutine', $goroutine, 'goroutine', 'count'])
{
	my ($file, $name, $type, $index, $unit) = @$_;
	sql("SELECT pprof.ingest(pg_read_binary_file('$dir/$file.pb.gz'), '{\"__name__\": \"$name\", \"service_name\": \"once-$file\"}')");
	my $theirs = tool_top("$dir/$file.pb.gz", $index, $unit eq 'nanoseconds' ? 'ns' : 'count');
	cmp_ok(scalar keys %$theirs, '>', 5, "the tool lists functions of the $file profile");
	is_deeply(our_top($type, "once-$file"), $theirs, "totals per function of a stored $file profile are the tool's");
}

# --- scraped ---

sql("SELECT pprof.add_scrape_config('shop', scrape_interval => '3 s')");
sql("SELECT pprof.add_target('shop', '127.0.0.1:$shop_port', '{\"service_name\": \"shop\"}')");
for my $type ($cpu, 'memory:inuse_space:bytes:space:bytes', 'memory:alloc_space:bytes:space:bytes', $goroutine,
	'mutex:delay:nanoseconds:contentions:count', 'block:delay:nanoseconds:contentions:count')
{
	ok( $node->poll_query_until('postgres',
			"SELECT pprof.num_samples(pprof.query('$type', '{service_name=\"shop\", job=\"shop\"}', now() - interval '1 hour', now() + interval '1 hour')) > 0"),
		"$type arrives by scrape");
}
is(sql("SELECT string_agg(DISTINCT health, ',') FROM pprof.scrape_status"), 'up', 'every job is up');

my $hot = sql("SELECT name FROM pprof.top(pprof.query('$cpu', '{service_name=\"shop\"}', now() - interval '1 hour', now() + interval '1 hour'), sort => 'cum') WHERE name LIKE 'pgpprof.example/shop/%' LIMIT 1");
like($hot, qr{^pgpprof\.example/shop/}, 'SQL names a function of the example');

my $end = int(Time::HiRes::time() * 1000) + 3_600_000;
my $start = $end - 2 * 3_600_000;
my $render = decode_json(http('-G', '--data-urlencode', "query=$cpu\{service_name=\"shop\"}",
	'--data-urlencode', "from=$start", '--data-urlencode', "until=$end", "http://127.0.0.1:$bridge_port/pyroscope/render"));
ok((grep { $_ eq $hot } @{ $render->{flamebearer}{names} }), '/pyroscope/render names it');
cmp_ok($render->{flamebearer}{numTicks}, '>', 0, '... with a total');
my $merged = decode_json(http('-H', 'Content-Type: application/json', '-d',
	encode_json({ profileTypeID => $cpu, labelSelector => '{service_name="shop"}', start => "$start", end => "$end" }),
	"http://127.0.0.1:$bridge_port/querier.v1.QuerierService/SelectMergeStacktraces"));
ok((grep { $_ eq $hot } @{ $merged->{flamegraph}{names} }), 'SelectMergeStacktraces names it');
is(sql('SELECT count(*) FROM pprof.check()'), 0, 'what is stored is sound');

# --- a bridge and a scraper that die come back; nobody else notices ---

my $session = $node->background_psql('postgres');
my $session_pid = $session->query('SELECT pg_backend_pid()');
my ($bridge_pid) = map { /^\s*(\d+)/ } grep { / --listen 127\.0\.0\.1:$bridge_port/ } split /\n/, qx{ps -eo pid,args};
kill 'KILL', $bridge_pid;
is(http('--fail', '--retry-all-errors', "http://127.0.0.1:$bridge_port/ready"), "ready\n", 'the bridge is back');
my $scraper_pid = sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pprof scraper'");
sql("SELECT pg_terminate_backend($scraper_pid)");
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'pprof scraper' AND pid <> $scraper_pid"),
	'the scraper is back');
is($session->query('SELECT pg_backend_pid()'), $session_pid, 'the other session went on');
$session->quit;
$node->stop('fast');
done_testing();
