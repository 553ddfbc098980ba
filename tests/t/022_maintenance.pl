# The worker maintains by itself; several share the work; whatever interrupts it,
# the next run goes on; and ingest never waits for it.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PgpprofNode;
use PgpprofProfile;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = pgpprof_node('main',
	conf => "restart_after_crash = on
pprof.accept_past = 0
pprof.databases = 'postgres, other'
pprof.maintenance_interval = '1s'
");

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }
sub becomes { my ($sql, $what) = @_; return ok($node->poll_query_until('postgres', $sql), $what) }
sub sound { return is(sql('SELECT * FROM pprof.check()'), '', 'all is sound') }

# Profiles of a service, fifteen seconds apart, from the n-th on.
sub store
{
	my ($service, $first, $count) = @_;
	return sql(join '', map { store_sql($service, $_) } $first .. $first + $count - 1);
}

sub store_sql
{
	my ($service, $n) = @_;
	my $hex = profile_hex(
		time => (1_700_000_000 + 15 * $n) * 1_000_000_000,
		stacks => [ [ 1, 'main', 'serve' ], [ $n % 5 + 1, 'main', "step_$n" ] ]);
	return "SELECT pprof.ingest('\\x$hex', '{\"__name__\":\"process_cpu\",\"service_name\":\"$service\"}');\n";
}

my $type = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
my $answer = "SELECT level, value, self, label FROM pprof.flamegraph('$type', '{}', '2023-11-01'::timestamptz, '2023-12-01'::timestamptz, 0) ORDER BY ord";
my $worker = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pprof maintenance' AND datname = 'postgres'";

# Switch the worker on or off; wait until it is.
sub worker
{
	my ($on) = @_;
	$node->append_conf('postgresql.conf', 'pprof.maintenance = ' . ($on ? 'on' : 'off'));
	$node->reload;
	return $node->poll_query_until('postgres', "SELECT count(*) = $on FROM ($worker) AS w");
}

# -- by itself -----------------------------------------------------------------

becomes("SELECT waiting = 0 FROM pprof.maintenance WHERE step = 'create_partitions'", 'the worker makes partitions ahead');
store('shop', 0, 300);
becomes('SELECT count(*) = 0 FROM pprof.raw', 'nobody calls anything, and the write buffer is emptied');
becomes('SELECT count(*) > 0 FROM pprof.rollups', 'rollups are made');
becomes('SELECT count(*) = 0 FROM pprof.dirty_hours', 'of every hour');
becomes('SELECT max(n) < 16 FROM (SELECT count(*) AS n FROM pprof.chunks GROUP BY dict_id) AS c', 'what was written in many pieces is put together');
becomes("SELECT bool_and(waiting = 0 AND running IS NULL AND failing = 0) FROM pprof.maintenance", 'the view says that nothing waits');
sound();
like(slurp_file($node->logfile), qr/database "postgres" is maintained every 1 seconds/, 'the log says who does it');

# -- databases come and go, extensions too -------------------------------------

sql('CREATE DATABASE other');
$node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_stat_activity'
	  . " WHERE backend_type = 'pprof maintenance' AND datname = 'other'") or die 'no worker';
for (1 .. 600)
{
	last if slurp_file($node->logfile) =~ /database "other": it has no extension pprof/;
	sleep 0.1;
}
like(slurp_file($node->logfile), qr/nothing is maintained in database "other": it has no extension pprof/, 'a database without the extension is left alone');
$node->safe_psql('other', 'CREATE EXTENSION pprof');
ok($node->poll_query_until('other', "SELECT waiting = 0 FROM pprof.maintenance WHERE step = 'create_partitions'"), 'until it has one');
sql('DROP DATABASE other');
pass('a database that is maintained can be dropped');

# -- errors --------------------------------------------------------------------

sql('ALTER PROCEDURE pprof.maintain RENAME TO gone');
for (1 .. 600)
{
	last if slurp_file($node->logfile) =~ /procedure pprof.maintain.* does not exist/;
	sleep 0.1;
}
my $pid = sql($worker);
sql('ALTER PROCEDURE pprof.gone RENAME TO maintain');
store('shop', 300, 100);
becomes('SELECT count(*) = 0 FROM pprof.raw', 'the worker survives an error');
is(sql($worker), $pid, 'it is the same');

# a service that cannot be compacted does not stop the others
worker(0);
store('broken', 0, 10);
store('other', 0, 10);
my $broken = sql("SELECT service_id FROM pprof.services WHERE name = 'broken'");
my $blocker = $node->background_psql('postgres', on_error_die => 1);
$blocker->query_safe('BEGIN');
$blocker->query_safe("SELECT count(*) FROM (SELECT FROM pprof.raw WHERE service_id = $broken FOR UPDATE) AS r");
sql('CALL pprof.maintain()');
is(sql("SELECT error_code FROM pprof.maintenance_steps WHERE step = 'compact_service' AND service = 'broken' AND failures > 0"),
	'55P03', 'who cannot have its rows gives way, and says so');
is(sql('SELECT count(*) FROM pprof.raw'), '10', 'the others are maintained');
$blocker->query_safe('COMMIT');
sql('CALL pprof.maintain()');
is(sql('SELECT count(*) FROM pprof.raw'), '0', 'it is tried again');
is(sql('SELECT count(*) FROM pprof.maintenance_steps WHERE failures > 0'), '0', 'and the failure is over');

# -- ingest does not wait ------------------------------------------------------

store('shop', 400, 100);
my $before = sql($answer);
my $shop = sql("SELECT service_id FROM pprof.services WHERE name = 'shop'");
for my $step (qw(compact_service rollup_service))
{
	my $held = $node->background_psql('postgres', on_error_die => 1);
	$held->query_safe('BEGIN');
	cmp_ok($held->query_safe("SELECT pprof.maintenance_run('$step', $shop)"), '>', 0, "$step is under way");
	is(sql("SET lock_timeout = '100ms'; " . store_sql('shop', $step eq 'compact_service' ? 500 : 501)), '1',
		'ingest into its hour does not wait');
	is(sql("SET lock_timeout = '100ms'; " . store_sql('shop', 900)), $step eq 'compact_service' ? '1' : '0', 'nor into another');
	is(sql("SELECT pprof.maintenance_run('$step', $shop)"), '0', 'another run finds it busy');
	$held->query_safe('COMMIT');
	$held->quit;
}
sql('CALL pprof.maintain()');
sound();

# -- interruptions -------------------------------------------------------------

sub backlog
{
	my ($first) = @_;
	store("s$_", $first, 60) for 1 .. 4;
	return;
}

# Another session that has begun to maintain, and its process.
sub start_maintain
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $its_pid = $session->query('SELECT pg_backend_pid()');
	$session->query_until(qr/begun/, "\\echo begun\nCALL pprof.maintain();\n");
	return ($session, $its_pid);
}

backlog(0);
$before = sql($answer);
for my $round (1 .. 3)
{
	my ($session, $its_pid) = start_maintain();
	sleep 0.02 * $round;
	sql("SELECT pg_cancel_backend($its_pid)");
	is($session->query('SELECT 1'), '1', "round $round: cancelled, its session lives on");
	is(sql("SELECT count(*) FROM pprof.maintenance_steps WHERE running IS NOT NULL"), '0', 'what it had begun counts as ended');
	$session->quit;
	is(sql($answer), $before, 'the answer is the same');
}
# who was interrupted several times rests; not in this test
sql('UPDATE pprof.maintenance_state SET failures = 0');
sql('CALL pprof.maintain()');
is(sql('SELECT count(*) FROM pprof.raw'), '0', 'the next run goes on');
is(sql($answer), $before, 'the answer is the same');
sound();

backlog(60);
$before = sql($answer);
for my $round (1 .. 3)
{
	my ($session) = start_maintain();
	sleep 0.02 * $round;
	$node->kill9;
	my $started = 0;
	for (1 .. 300)
	{
		$started = $node->start(fail_ok => 1);
		last if $started;
		$node->{_pid} = undef;
		sleep 0.1;
	}
	ok($started, "round $round: the server starts after kill -9");
	eval { $session->{run}->kill_kill };    # it need not have noticed, and its input may be open in the server
	is(sql($answer), $before, 'the answer is the same');
	sound();
}
sql('UPDATE pprof.maintenance_state SET failures = 0');
worker(1);
becomes('SELECT count(*) = 0 FROM pprof.raw', 'the worker goes on');
becomes('SELECT count(*) = 0 FROM pprof.dirty_hours', 'to the end');
is(sql($answer), $before, 'the answer is the same');
sound();

# -- two at a time -------------------------------------------------------------

worker(0);
backlog(120);
$before = sql($answer);
my @sessions = map { (start_maintain())[0] } 1 .. 2;
$_->query('SELECT 1') for @sessions;
$_->quit for @sessions;
is(sql('SELECT count(*) FROM pprof.raw'), '0', 'two runs at a time share the work');
is(sql($answer), $before, 'the answer is the same');
sound();

# -- shutdown ------------------------------------------------------------------

worker(1);
backlog(180);
my $began = time;
$node->stop('fast');
pass('the server stops while the worker is at work');
note(sprintf '... within %d s', time - $began);
$node->start;
becomes('SELECT count(*) = 0 FROM pprof.raw', 'and the rest is done after its start');
done_testing();
