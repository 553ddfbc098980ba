# Point-in-time recovery: what was acknowledged before the target is there, what
# came later is not, whatever maintenance did meanwhile; and the server goes on.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PgpprofNode;
use PgpprofProfile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant BASE => 1_700_000_000;

my $primary = pgpprof_node(
	'primary',
	init => [ allows_streaming => 1, has_archiving => 1 ],
	conf => "pprof.accept_past = 0\npprof.maintenance = off\npprof.databases = ''\n");

# Profile n: a second of its own, a stack that all have and one that is new.
sub push_sql
{
	my ($n, $service) = @_;
	my $hex = profile_hex(
		time => (BASE + $n) * 1_000_000_000,
		stacks => [ [ 1, 'main', 'serve' ], [ $n % 7 + 1, 'main', "step_$n" ] ]);
	return "SELECT stored FROM pprof.push(ARRAY['\\x$hex'::bytea], "
	  . "ARRAY['{\"__name__\":\"process_cpu\",\"service_name\":\"$service\"}'::jsonb]);\n";
}

sub ingest
{
	my ($node, $service, @numbers) = @_;
	my $stored = $node->safe_psql('postgres', join '', map { push_sql($_, $service) } @numbers);
	return is($stored, join("\n", map { 1 } @numbers), scalar(@numbers) . " profiles of $service are acknowledged");
}

my $type = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
my $range = "'2023-11-01'::timestamptz, '2023-12-01'::timestamptz";
my $contents = "SELECT service, at, total, profile_id FROM pprof.profiles ORDER BY 1, 2, 3, 4";
my $questions = join ";\n", $contents,
  "SELECT md5(pprof.to_bytea(pprof.query('$type', '{}', $range), false))",
  "SELECT level, value, self, label FROM pprof.flamegraph('$type', '{service_name=\"shop\"}', $range, 0) ORDER BY ord",
  "SELECT * FROM pprof.timeseries('$type', '{}', $range, '1 h', '{service_name}') ORDER BY 1, 2";

ingest($primary, 'shop', 0 .. 79);
$primary->safe_psql('postgres', 'CALL pprof.maintain()');
ingest($primary, 'shop', 80 .. 99);
$primary->backup('base');

# after the base backup: more of the hour that is in segments, another day, another service
ingest($primary, 'shop', 100 .. 119, 90_000 .. 90_009);
$primary->safe_psql('postgres', 'CALL pprof.maintain()');
ingest($primary, 'shop', 120 .. 129);
ingest($primary, 'cart', 0 .. 9);

# one that is on its way when the target is set, and commits after it
my $late = $primary->background_psql('postgres', on_error_die => 1);
$late->query_safe('BEGIN');
is($late->query_safe(push_sql(500, 'late')), '1', 'a profile waits for its commit');
my $before = $primary->safe_psql('postgres', $questions);
$primary->safe_psql('postgres', "SELECT pg_create_restore_point('here')");
$late->query_safe('COMMIT');
$late->quit;

ingest($primary, 'shop', 130 .. 149);
$primary->safe_psql('postgres', 'CALL pprof.maintain()');
ingest($primary, 'cart', 10 .. 19);
isnt($primary->safe_psql('postgres', $questions), $before, 'the primary went on');
my $segment = $primary->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$primary->poll_query_until('postgres', "SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver")
  or die 'the log was not archived';

my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($primary, 'base', has_restoring => 1, standby => 0);
$restored->append_conf('postgresql.conf', "recovery_target_name = 'here'\nrecovery_target_action = 'promote'\n");
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery did not end';

is($restored->safe_psql('postgres', $questions), $before, 'exactly what was acknowledged before the target is there');
is($restored->safe_psql('postgres', 'SELECT * FROM pprof.check()'), '', 'all is sound');

# known stacks and new ones, on the days that were restored
ingest($restored, 'shop', 130 .. 139, 90_010 .. 90_014);
ingest($restored, 'late', 500);
is($restored->safe_psql('postgres', 'SELECT stored FROM (' . (push_sql(5, 'shop') =~ s/;\n//r) . ') AS again'),
	'0', 'what was restored is not stored again');
$restored->safe_psql('postgres', 'CALL pprof.maintain()');
is($restored->safe_psql('postgres', 'SELECT count(*) FROM pprof.maintenance_steps WHERE failures > 0'),
	'0', 'maintenance goes on');
is($restored->safe_psql('postgres', 'SELECT count(*) FROM pprof.profiles'),
	'166', 'what was there and what came');
is($restored->safe_psql('postgres', 'SELECT * FROM pprof.check()'), '', 'and all is still sound');

# what both have is the same, name by name
my $both = "SELECT level, value, self, label FROM pprof.flamegraph('$type', '{service_name=\"shop\"}', "
  . "to_timestamp(" . BASE . "), to_timestamp(" . (BASE + 140) . "), 0) ORDER BY ord";
is($restored->safe_psql('postgres', $both), $primary->safe_psql('postgres', $both), 'the primary, which never stopped, answers the same');
done_testing();
