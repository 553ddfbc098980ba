# A dump restores into an empty database, of the same cluster or another: every
# table is as it was, all is sound, answers are the same, and the work goes on.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PgpprofNode;
use PgpprofProfile;
use PostgreSQL::Test::Utils;
use Test::More;

my $settings = "pprof.accept_past = 0\npprof.databases = ''\n";
my $node = pgpprof_node('main', conf => $settings);
$node->safe_psql('postgres', 'SELECT pprof.create_partitions()');

sub ingest
{
	my ($db, $hex, $service) = @_;
	return $node->safe_psql($db, "SELECT pprof.ingest('\\x$hex', '{\"service_name\":\"$service\",\"env\":\"test\"}')");
}

sub hex_of_file { my ($name) = @_; return unpack 'H*', slurp_file(pgpprof_data("pprof/go/$name.pb.gz")) }

my @files = qw(go119-a-cpu go123-a-cpu go123-a-heap go123-a-goroutine go123-a-mutex);
cmp_ok(ingest('postgres', hex_of_file($_), 'shop'), '>', 0, "$_ is stored") for @files;
ingest('postgres', profile_hex(time => 1_700_000_000_000_000_000 + $_ * 86400 * 1_000_000_000,
		stacks => [ [ $_, 'main', "day_$_" ] ]), "days") for 1 .. 5;

# hours with segments, totals and rollups; then raw rows of such hours; last hours
# that were compacted and wait for their rollups
sub small
{
	my ($n) = @_;
	return ingest('postgres', profile_hex(time => (1_700_000_000 + 15 * $n) * 1_000_000_000,
			stacks => [ [ 1, 'main', 'serve' ], [ $n % 5 + 1, 'main', "step_$n" ] ]), 'small');
}
small($_ * 20) for 0 .. 99;
$node->safe_psql('postgres', 'CALL pprof.maintain()');
small($_ * 20 + 1) for 0 .. 9;
$node->safe_psql('postgres', "CALL pprof.maintain(step => 'compact_service')");
small($_ * 20 + 2) for 5 .. 14;

# what is scraped stands in tables, too; nobody listens there
$node->safe_psql('postgres', q{
	SELECT pprof.add_scrape_config('go', scrape_interval => '1 h', profiles => '{"block": {"enabled": false}}');
	SELECT count(pprof.add_target('go', '127.0.0.1:1', jsonb_build_object('service_name', 'shop', 'pod', i::text))) FROM generate_series(1, 500) AS i;
});

my $questions = q{
	SELECT * FROM pprof.scrape_configs ORDER BY 1;
	SELECT * FROM pprof.targets ORDER BY 1, 2;
	SELECT t, md5(pprof.to_bytea(pprof.query(t, '{}', '-infinity', 'infinity'), false)) FROM pprof.profile_types() AS t;
	SELECT t, s.* FROM pprof.profile_types() AS t, pprof.timeseries(t, '{}', '2023-11-01', '2023-12-01', '1 day', '{service_name}') AS s;
	SELECT * FROM pprof.label_sets();
	SELECT service, profile_type, at, total, profile_id FROM pprof.profiles ORDER BY 1, 2, 3, 5, 4;
};
# Every table that a dump is to keep: rows and a hash of them all.
sub tables
{
	my ($server, $db) = @_;
	my @names = split /\n/, $server->safe_psql($db,
		q{SELECT c.oid::regclass FROM pg_extension e, unnest(e.extconfig) AS c (oid) WHERE e.extname = 'pprof' ORDER BY c.oid::regclass::text});
	return join "\n", map { $server->safe_psql($db,
			"SELECT '$_', count(*), md5(string_agg(t.*::text, ' ' ORDER BY t.*::text COLLATE \"C\")) FROM $_ AS t") } @names;
}
my $tables = tables($node, 'postgres');
like($tables, qr/^pprof\.$_\|[1-9]/m, "there is something in $_")
  for qw(raw chunks segments totals rollups day_rollups paths path_dictionaries functions function_days dirty_hours);

my $before = $node->safe_psql('postgres', $questions);
my @lines = split /\n/, $before;
cmp_ok(scalar @lines, '>', 20, 'there is something to compare');

my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump.sql";
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump ], 'psql restores it');
is($node->safe_psql('copy', 'SELECT * FROM pprof.check()'), '', 'the copy is sound');
is($node->safe_psql('copy', $questions), $before, 'the copy gives the same answers');
is(tables($node, 'copy'), $tables, 'every table is as it was');

is(ingest('copy', hex_of_file('go123-a-cpu'), 'shop'), '0', 'what is there is not stored again');
cmp_ok(ingest('copy', hex_of_file('go123-b-cpu'), 'shop'), '>', 0, 'what is new is');
is(ingest('copy', profile_hex(time => 1_690_000_000_000_000_000, stacks => [ [ 1, 'main' ] ]), 'days'), '1', 'on a new day, too');
is($node->safe_psql('copy', 'SELECT * FROM pprof.check()'), '', 'the copy is still sound');

# -- into another cluster, in the archive format ------------------------------

my $other = pgpprof_node('other', conf => $settings, extension => 0);
my $roles = "$PostgreSQL::Test::Utils::tmp_check/roles.sql";
my $archive = "$PostgreSQL::Test::Utils::tmp_check/archive";
command_ok([ 'pg_dumpall', '--roles-only', '-d', $node->connstr('postgres'), '-f', $roles ], 'pg_dumpall --roles-only');
command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('postgres'), '-f', $archive ], 'pg_dump -Fc');
$other->psql('postgres', slurp_file($roles));    # the user that runs the tests is there
# in parallel, tables come in any order: more targets than configurations come first
command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $other->connstr('postgres'), $archive ], 'pg_restore');
is($other->safe_psql('postgres', 'SELECT * FROM pprof.check()'), '', 'all is sound');
is(tables($other, 'postgres'), $tables, 'every table is as it was');
is($other->safe_psql('postgres', $questions), $before, 'it gives the same answers');
$other->safe_psql('postgres', 'CALL pprof.maintain()');
is($other->safe_psql('postgres', 'SELECT step, service, error FROM pprof.maintenance_steps WHERE failures > 0'),
	'', 'maintenance goes on');
is($other->safe_psql('postgres', 'SELECT count(*) FROM pprof.dirty_hours'), '0', 'where it was interrupted');
is($other->safe_psql('postgres', $questions), $before, 'which changes no answer');
is($other->safe_psql('postgres', 'SELECT * FROM pprof.check()'), '', 'and all is still sound');

$node->safe_psql('copy', 'DROP EXTENSION pprof');
is($node->safe_psql('copy', "SELECT count(*) FROM pg_class WHERE relnamespace = 'pprof'::regnamespace"),
	'0', 'dropping the extension takes the partitions along');
done_testing();
