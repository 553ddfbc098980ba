# A hot standby answers questions and stores nothing; promoted, it stores.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PgpprofNode;
use Test::More;

my $body = unpack('H*', slurp_file(pgpprof_data('pprof/go/go123-a-cpu.pb.gz')));
my $more = unpack('H*', slurp_file(pgpprof_data('pprof/go/go123-b-cpu.pb.gz')));
my $settings = "SET pprof.accept_past = 0; SET pprof.accept_future = 0;\n";
my $type = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
my $range = "'-infinity'::timestamptz, 'infinity'::timestamptz";

my $primary = pgpprof_node(
	'primary',
	init => [ allows_streaming => 1 ],
	conf => "pprof.databases = ''\n");
$primary->safe_psql('postgres',
	$settings . "SELECT pprof.ingest('\\x$body', '{\"service_name\": \"shop\", \"env\": \"prod\"}')");
$primary->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
$standby->start;

my $total = "SELECT pprof.total(pprof.query('$type', '{env=\"prod\"}', $range))";
my $questions = join ";\n", $total,
  "SELECT * FROM pprof.flamegraph('$type', '{}', $range)",
  "SELECT * FROM pprof.timeseries('$type', '{}', $range, '1 h', '{env}')",
  'SELECT * FROM pprof.profile_types()',
  'SELECT * FROM pprof.label_names()',
  "SELECT * FROM pprof.label_values('env')",
  'SELECT * FROM pprof.label_sets()',
  'SELECT sum(pprof.num_samples(samples::pprof.profile)) FROM pprof.profiles',
  'SELECT * FROM pprof.check()';

sub compare
{
	my ($when) = @_;
	$primary->wait_for_catchup($standby);
	is($standby->safe_psql('postgres', $questions),
		$primary->safe_psql('postgres', $questions), "the same answers $when");
}

compare('about what was there');
isnt($standby->safe_psql('postgres', $total), '0', 'there is something');

$primary->safe_psql('postgres',
	$settings . "SELECT pprof.ingest('\\x$more', '{\"service_name\": \"shop\", \"env\": \"prod\"}')");
compare('about what came later');

for my $labels ('{"service_name": "shop", "env": "prod"}', '{"service_name": "new"}')
{
	my ($status, undef, $stderr) = $standby->psql('postgres',
		"\\set VERBOSITY sqlstate\n${settings}SELECT pprof.ingest('\\x$body', '$labels');");
	like($stderr, qr/25006/, "nothing is stored under $labels");
}
is( $standby->safe_psql(
		'postgres', "BEGIN; $total; SELECT pg_current_xact_id_if_assigned() IS NULL; COMMIT"),
	$primary->safe_psql('postgres', $total) . "\nt",
	'no transaction id is needed');

$standby->promote;
is( $standby->safe_psql(
		'postgres', $settings . "SELECT pprof.ingest('\\x$body', '{\"service_name\": \"promoted\"}') > 0"),
	't', 'promoted, it stores');
is($standby->safe_psql('postgres', 'SELECT * FROM pprof.check()'), '', 'and all is sound');

done_testing();
