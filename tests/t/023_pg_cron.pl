# pg_cron calls pprof.maintain() and VACUUM where it is installed, and the worker
# leaves that database alone.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PgpprofNode;
use PgpprofProfile;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = pgpprof_node('main',
	conf => "pprof.accept_past = 0\npprof.maintenance_interval = '1s'\n");

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }

sub refused
{
	my ($db, $message, $hint, $what) = @_;
	my ($status, undef, $stderr) = $node->psql($db, 'SELECT pprof.schedule_maintenance()');
	like($stderr, qr/$message.*HINT:  .*$hint/s, $what);
	return;
}

refused('postgres', 'pg_cron is not installed in database "postgres"', 'add it to "shared_preload_libraries"', 'without pg_cron the hint says how to get it');
is(sql('SELECT pprof.unschedule_maintenance()'), '0', 'and nothing is to be removed');
is(sql('SELECT pprof.maintenance_is_scheduled()'), 'f', 'nothing is scheduled');

SKIP:
{
	skip 'pg_cron is not installed', 1
	  if sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'") eq '0';
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'pprof, pg_cron'\ncron.database_name = 'postgres'\ncron.use_background_workers = on\n");
	$node->restart;
	refused('postgres', 'pg_cron is not installed in database "postgres"', 'Run CREATE EXTENSION pg_cron', 'the library is there');
	sql('CREATE DATABASE apps');
	$node->safe_psql('apps', 'CREATE EXTENSION pprof');
	refused('apps', 'pg_cron is not installed in database "apps"', q{database "postgres".*schedule_in_database\('pprof maintenance: apps'},
		'from another database the hint has the call');

	sql('CREATE EXTENSION pg_cron');
	my $version = sql("SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'");
	note("pg_cron $version");
	my ($status, undef, $stderr) = $node->psql('postgres', "SELECT pprof.schedule_maintenance('every minute')");
	like($stderr, qr/invalid schedule/, 'a bad schedule is refused');
	is(sql('SELECT count(*) FROM pprof.schedule_maintenance()'), '2', 'two jobs');
	is(sql("SELECT count(*) FROM pprof.schedule_maintenance(vacuum_schedule => '* * * * *')"), '2', 'scheduled again');
	is(sql('SELECT schedule, database, command FROM cron.job ORDER BY jobid'), <<'JOBS' =~ s/\n\z//r, 'they are the same two');
* * * * *|postgres|CALL pprof.maintain()
* * * * *|postgres|VACUUM (SKIP_LOCKED) pprof.raw, pprof.chunks, pprof.dirty_hours, pprof.dirty_days
JOBS
	is(sql('SELECT pprof.maintenance_is_scheduled()'), 't', 'the worker can see that');
	for (1 .. 600)
	{
		last if slurp_file($node->logfile) =~ /database "postgres" is maintained by pg_cron/;
		select undef, undef, undef, 0.1;
	}
	like(slurp_file($node->logfile), qr/database "postgres" is maintained by pg_cron/, 'and says so');

	my $hex = profile_hex(time => 1_700_000_000_000_000_000, stacks => [ [ 1, 'main', 'work' ] ]);
	sql("SELECT pprof.ingest('\\x$hex', '{\"service_name\":\"shop\"}')");
	ok( $node->poll_query_until('postgres',
			"SELECT count(DISTINCT command) = 2 FROM cron.job_run_details WHERE status = 'succeeded' AND start_time > "
			  . "(SELECT created FROM pprof.services)"),
		'both run');
	is(sql('SELECT count(*) FROM pprof.raw'), '0', 'the write buffer is emptied');
	is(sql("SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'"), '0', 'none failed');
	is(sql('SELECT * FROM pprof.check()'), '', 'all is sound');

	is(sql('SELECT pprof.unschedule_maintenance()'), '2', 'both are removed');
	is(sql('SELECT count(*) FROM cron.job'), '0', 'none is left');
}
done_testing();
