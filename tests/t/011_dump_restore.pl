# A dump restores into an empty database: all is sound, answers are the same,
# and ingest goes on.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PgpprofNode;
use PgpprofProfile;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = pgpprof_node('main', conf => "pprof.accept_past = 0\n");
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

# what is scraped stands in tables, too; nobody listens there
$node->safe_psql('postgres', q{
	SELECT pprof.add_scrape_config('go', scrape_interval => '1 h', profiles => '{"block": {"enabled": false}}');
	SELECT pprof.add_target('go', '127.0.0.1:1', '{"service_name": "shop", "pod": "a"}');
});

my $questions = q{
	SELECT * FROM pprof.scrape_configs ORDER BY 1;
	SELECT * FROM pprof.targets ORDER BY 1, 2;
	SELECT t, md5(pprof.to_bytea(pprof.query(t, '{}', '-infinity', 'infinity'), false)) FROM pprof.profile_types() AS t;
	SELECT t, s.* FROM pprof.profile_types() AS t, pprof.timeseries(t, '{}', '2023-11-01', '2023-12-01', '1 day', '{service_name}') AS s;
	SELECT * FROM pprof.label_sets();
	SELECT service, profile_type, at, total, profile_id FROM pprof.profiles ORDER BY 1, 2, 3, 5;
};
my $before = $node->safe_psql('postgres', $questions);
my @lines = split /\n/, $before;
cmp_ok(scalar @lines, '>', 20, 'there is something to compare');

my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump.sql";
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump ], 'psql restores it');
is($node->safe_psql('copy', 'SELECT * FROM pprof.check()'), '', 'the copy is sound');
is($node->safe_psql('copy', $questions), $before, 'the copy gives the same answers');

is(ingest('copy', hex_of_file('go123-a-cpu'), 'shop'), '0', 'what is there is not stored again');
cmp_ok(ingest('copy', hex_of_file('go123-b-cpu'), 'shop'), '>', 0, 'what is new is');
is(ingest('copy', profile_hex(time => 1_690_000_000_000_000_000, stacks => [ [ 1, 'main' ] ]), 'days'), '1', 'on a new day, too');
is($node->safe_psql('copy', 'SELECT * FROM pprof.check()'), '', 'the copy is still sound');

$node->safe_psql('copy', 'DROP EXTENSION pprof');
is($node->safe_psql('copy', "SELECT count(*) FROM pg_class WHERE relnamespace = 'pprof'::regnamespace"),
	'0', 'dropping the extension takes the partitions along');
done_testing();
