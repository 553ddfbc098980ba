# What targets answer is stored; what goes wrong with one stays with that one;
# and the tables are obeyed while all goes on.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PgpprofNode;
use PgpprofTarget;
use Test::More;
use Time::HiRes ();

my %file = (
	allocs => pgpprof_data('pprof/go/go123-a-allocs.pb.gz'),
	block => pgpprof_data('pprof/go/go123-a-block.pb.gz'),
	goroutine => pgpprof_data('pprof/go/go123-a-goroutine.pb.gz'),
	mutex => pgpprof_data('pprof/go/go123-a-mutex.pb.gz'),
	profile => pgpprof_data('pprof/go/go123-a-cpu.pb.gz'));

my $alive = PgpprofTarget->start;
my $dead = PgpprofTarget->start;
for my $endpoint (keys %file)
{
	$alive->serve_profile("/debug/pprof/$endpoint", $file{$endpoint});
	$alive->serve_profile("/new/debug/pprof/$endpoint", $file{$endpoint});
	$dead->hang("/debug/pprof/$endpoint");
}

my $node = pgpprof_node('main', conf => "pprof.scrape_reload = '30s'\npprof.scrape_max_body = '1MB'\n");

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }
sub becomes { my ($sql, $what) = @_; return ok($node->poll_query_until('postgres', $sql), $what) }

# Does a job of `address` satisfy the condition?
sub job_becomes
{
	my ($target, $profile, $condition, $what) = @_;
	return becomes(
		"SELECT count(*) = 1 FROM pprof.scrape_status
		  WHERE address = '" . $target->address . "' AND profile = '$profile' AND ($condition)", $what);
}

sub scrapes_of
{
	my ($target, $profile) = @_;
	return sql("SELECT scrapes FROM pprof.scrape_status
		WHERE address = '" . $target->address . "' AND profile = '$profile'");
}

# Wait until a job was scraped $n more times.
sub scrapes_on
{
	my ($target, $profile, $n, $what) = @_;
	my $now = scrapes_of($target, $profile);
	return job_becomes($target, $profile, "scrapes >= $now + $n", $what);
}

# -- all types arrive, beside a target that never answers ----------------------

sql("SELECT pprof.add_scrape_config('demo', scrape_interval => '3s', scrape_timeout => '1s')");
sql("SELECT pprof.add_target('demo', '" . $_->address . "', '{\"service_name\": \"shop\", \"pod\": \"a\"}')")
  foreach ($alive, $dead);

job_becomes($alive, 'process_cpu', "health = 'up' AND state = 'stored'", 'a CPU profile is stored');
ok(scalar($alive->requests(qr{^/debug/pprof/profile\?seconds=2$})), 'it was asked for two seconds');
job_becomes($alive, 'goroutine', "health = 'up' AND state = 'stored'", 'a goroutine profile is stored');
job_becomes($alive, 'memory', 'scrapes >= 1', 'a memory profile was fetched');
job_becomes($alive, $_, "scrapes >= 2 AND state = 'empty'", "the $_ profile did not change") foreach qw(block mutex);
is( sql("SELECT COALESCE(sum(total), 0) FROM pprof.profiles WHERE profile_type ~ '^(memory:alloc|block|mutex)'"),
	'0', 'sums since the start of the program are not stored');

# twice the values: the difference is what was there before
for my $endpoint (qw(allocs block mutex))
{
	my $hex = sql("SELECT encode(pprof.to_bytea(pprof.merge(VARIADIC ARRAY[f, f]), false), 'hex')
		FROM (SELECT pg_read_binary_file('$file{$endpoint}')::pprof.profile AS f) AS x");
	my $bytes = pack 'H*', $hex;
	$alive->serve_profile("/debug/pprof/$endpoint", \$bytes);
}
for my $case (
	[ 'allocs', 'alloc_space', 'memory:alloc_space:bytes:space:bytes' ],
	[ 'block', 'delay', 'block:delay:nanoseconds:contentions:count' ],
	[ 'mutex', 'delay', 'mutex:delay:nanoseconds:contentions:count' ])
{
	my ($endpoint, $column, $type) = @$case;
	becomes("SELECT sum(total) = pprof.total(pg_read_binary_file('$file{$endpoint}')::pprof.profile, '$column')
		FROM pprof.profiles WHERE profile_type = '$type' AND service = 'shop'", "$type is the difference");
}
is( sql("SELECT count(DISTINCT split_part(profile_type, ':', 1)) FROM pprof.profiles"),
	'5', 'all five types have arrived');
is( sql("SELECT bool_and(labels ->> 'job' = 'demo' AND labels ->> 'pod' = 'a' AND labels ->> 'instance' = '"
		. $alive->address . "') FROM pprof.profiles"),
	't', 'with the labels of the target');

job_becomes($dead, $_, "health = 'down' AND state = 'failed' AND last_error ~ 'timed out' AND failures = scrapes",
	"$_ of the silent target timed out") foreach qw(memory process_cpu);
scrapes_on($alive, 'goroutine', 2, 'the other goes on');
job_becomes($dead, 'process_cpu', 'missed > 0 OR consecutive_failures > 1', 'it is tried again');

# -- no transaction while it waits ---------------------------------------------

my ($waiting, $open) = (0, 0);
for (1 .. 50)
{
	my ($w, $o) = split /\|/, sql("SELECT count(*), count(*) FILTER (WHERE xact_start IS NOT NULL OR backend_xmin IS NOT NULL)
		FROM pg_stat_activity WHERE backend_type = 'pprof scraper' AND wait_event = 'Extension'");
	$waiting += $w;
	$open += $o;
	Time::HiRes::sleep(0.02);
}
cmp_ok($waiting, '>', 0, 'the worker was seen waiting');
is($open, 0, 'never with a transaction or a snapshot');

# -- nor does it wait for a lock -----------------------------------------------

my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN; LOCK TABLE pprof.scrape_configs IN ACCESS EXCLUSIVE MODE');
scrapes_on($alive, 'goroutine', 3, 'scraping goes on while the configuration is locked');
$session->query_safe('COMMIT');
$session->quit;

# -- a changed row is obeyed ---------------------------------------------------

sql("UPDATE pprof.scrape_configs SET path_prefix = '/new'");
job_becomes($alive, 'goroutine', "url ~ '/new/debug/pprof/goroutine\$' AND state = 'stored'", 'another path is asked for');
ok(scalar($alive->requests(qr{^/new/debug/pprof/goroutine$})), 'really');
sql("UPDATE pprof.targets SET labels = labels || '{\"zone\": \"b\"}'");
becomes("SELECT count(*) > 0 FROM pprof.profiles WHERE labels ->> 'zone' = 'b'", 'another label is stored');

sql(q(UPDATE pprof.scrape_configs SET profiles = '{"block": {"enabled": false}}'));
becomes("SELECT count(*) = 0 FROM pprof.scrape_status WHERE profile = 'block'", 'a disabled type is gone');
my $before = $alive->requests(qr/block/);
scrapes_on($alive, 'goroutine', 2, 'others are scraped on');
is(scalar($alive->requests(qr/block/)), $before, 'the disabled one is not');

sql("SELECT pprof.drop_target('demo', '" . $dead->address . "')");
becomes("SELECT count(*) = 0 FROM pprof.scrape_status WHERE address = '" . $dead->address . "'", 'a dropped target is gone');
sql('UPDATE pprof.scrape_configs SET enabled = false');
becomes('SELECT count(*) = 0 FROM pprof.scrape_status', 'so is a disabled configuration');

# -- a store that takes nothing ------------------------------------------------

sql('UPDATE pprof.scrape_configs SET enabled = true');
my $push = 'pprof.push(bytea[], jsonb[], text[], timestamptz[], jsonb)';
sql("ALTER FUNCTION $push RENAME TO push_away");
job_becomes($alive, 'goroutine', "health = 'up' AND state = 'store_failed' AND last_store_error ~ 'push'",
	'a failing store is no fault of the target');
(my $away = $push) =~ s/push/push_away/;
sql("ALTER FUNCTION $away RENAME TO push");
job_becomes($alive, 'goroutine', "state = 'stored' AND last_store_error = ''", 'and is forgotten when it works again');
sql('UPDATE pprof.scrape_configs SET enabled = false');

# -- answers that are no profiles ----------------------------------------------

my $odd = PgpprofTarget->start;
my %answers = (
	missing => [ undef, 'server returned HTTP status \(404\) 404 Not Found' ],
	error => [ [ 'out of order', status => 503, type => 'text/plain' ], 'server returned HTTP status \(503\) out of order' ],
	empty => [ [''], '^empty empty profile$' ],
	page => [ [ '<!DOCTYPE html><html><body>hello</body></html>', type => 'text/html' ], 'text response instead of pprof' ],
	large => [ [ "\x1f\x8b" . ('x' x 2_000_000) ], '^body size limit exceeded$' ],
	file => [ [ '', status => 302, headers => "Location: file:///etc/passwd\r\n" ], 'rotocol' ],
	loop => [ [ '', status => 302, headers => "Location: /loop\r\n" ], 'redirects' ]);
my %profiles = map { $_ => { enabled => \0 } } qw(memory block goroutine mutex process_cpu);
my $none = join ', ', map { qq("$_": {"enabled": false}) } sort keys %profiles;
my $json = join ', ', $none,
  (map { qq("$_": {"path": "/$_"}) } sort keys %answers), '"garbage": {"path": "/garbage"}', '"moved": {"path": "/moved"}';
sql("SELECT pprof.add_scrape_config('odd', scrape_interval => '1s', scrape_timeout => '1s', profiles => '{$json}')");
for my $name (keys %answers)
{
	$odd->serve("/$name", @{ $answers{$name}[0] }) if $answers{$name}[0];
}
$odd->serve('/garbage', "\x0a\x04test\x10\x2a garbage");
$odd->serve('/moved', '', status => 301, headers => "Location: /goroutine\r\n");
$odd->serve_profile('/goroutine', $file{goroutine});
sql("SELECT pprof.add_target('odd', '" . $odd->address . "')");
job_becomes($odd, $_, "health = 'down' AND last_error ~ '$answers{$_}[1]'", "$_: says why") foreach sort keys %answers;
job_becomes($odd, 'moved', "health = 'up' AND state = 'stored'", 'a redirect is followed');
job_becomes($odd, 'garbage', "health = 'up' AND state = 'store_failed' AND last_store_error <> ''",
	'what the store refuses is no fault of the target');

# -- networks that are not to be reached ---------------------------------------

my ($code, undef, $stderr) = $node->psql('postgres', "ALTER SYSTEM SET pprof.scrape_deny = 'localhost'");
like($stderr, qr/invalid value for parameter "pprof.scrape_deny".*"localhost" is no network/s, 'a list of networks is checked');
sql("ALTER SYSTEM SET pprof.scrape_deny = '10.0.0.0/8', '127.0.0.0/8'");
$node->reload;
my $near = PgpprofTarget->start;
$near->serve_profile('/goroutine', $file{goroutine});
(my $one = $none) =~ s{"goroutine": \{"enabled": false\}}{"goroutine": {"path": "/goroutine"}};
sql("SELECT pprof.add_scrape_config('near', '1s', profiles => '{$one}')");
sql("SELECT pprof.add_target('near', '" . $near->address . "')");
job_becomes($near, 'goroutine', "health = 'down' AND last_error ~ 'pprof.scrape_deny'", 'a target in one of them is not scraped');
ok(!$near->requests(qr/./), 'nor is it connected to');
sql('ALTER SYSTEM RESET pprof.scrape_deny');
$node->reload;
job_becomes($near, 'goroutine', "health = 'up' AND state = 'stored'", 'until the setting is changed');

# -- the extension goes and comes while scraping -------------------------------

for my $round (1 .. 3)
{
	$node->safe_psql('postgres', 'DROP EXTENSION pprof CASCADE');
	Time::HiRes::sleep(0.3);
	$node->safe_psql('postgres', 'CREATE EXTENSION pprof');
	sql("SELECT pprof.add_scrape_config('again', '1s', profiles => '{\"process_cpu\": {\"enabled\": false}}')");
	sql("SELECT pprof.add_target('again', '" . $alive->address . "')");
	job_becomes($alive, 'goroutine', "health = 'up' AND state = 'stored'", "round $round: scraped again");
}

$node->stop('fast');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'nothing crashed');
done_testing();
