# A hot standby answers questions over raw rows, segments and rollups while the
# primary stores and maintains; it stores nothing; promoted, it goes on.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PgpprofNode;
use PgpprofProfile;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
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

sub store_sql
{
	my ($hex, $labels) = @_;
	return "SELECT pprof.ingest('\\x$hex', '$labels');\n";
}

# Profile n of a service: fifteen seconds apart, a stack that all have and one that is new.
sub small_sql
{
	my ($service, $n) = @_;
	return store_sql(
		profile_hex(
			time => (1_700_000_000 + 15 * $n) * 1_000_000_000,
			stacks => [ [ 1, 'main', 'serve' ], [ $n % 5 + 1, 'main', "step_$n" ] ]),
		"{\"__name__\":\"process_cpu\",\"service_name\":\"$service\",\"pod\":\"p" . $n % 3 . '"}');
}

my $shop = '{"service_name": "shop", "env": "prod"}';
$primary->safe_psql('postgres', $settings . store_sql($body, $shop));
# several hours and two days, in segments and rollups; then a few more of an hour that has them
$primary->safe_psql('postgres', join '', $settings, map { small_sql('small', $_ * 20) } 0 .. 299);
$primary->safe_psql('postgres', 'CALL pprof.maintain()');
$primary->safe_psql('postgres', join '', $settings, map { small_sql('small', $_) } 1 .. 9);
$primary->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
# a question is not cancelled because the primary vacuums or drops what it reads
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nmax_standby_streaming_delay = -1\n");
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
  "SELECT service, at, total, profile_id FROM pprof.profiles ORDER BY 1, 2, 3, 4",
  "SELECT md5(pprof.to_bytea(pprof.query('$type', '{service_name=\"small\"}', '2023-11-14 23:00Z', '2023-11-15 12:34:56Z'), false))",
  "SELECT level, value, self, label FROM pprof.flamegraph('$type', '{service_name=\"small\"}', '2023-11-14'::timestamptz, '2023-11-16'::timestamptz, 0) ORDER BY ord",
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

$primary->safe_psql('postgres', $settings . store_sql($more, $shop));
compare('about what came later');
$primary->safe_psql('postgres', 'CALL pprof.maintain()');
compare('after maintenance');
isnt($standby->safe_psql('postgres', 'SELECT count(*) FROM pprof.segments'), '0', 'there are segments');
isnt($standby->safe_psql('postgres', 'SELECT count(*) FROM pprof.rollups'), '0', 'there are rollups');

# -- questions while the primary is at work ------------------------------------

my $work = "$PostgreSQL::Test::Utils::tmp_check/work.sql";
append_to_file($work, $settings);
append_to_file($work, join('', map { small_sql('small', 7 * $_ + 3) } 40 * $_ .. 40 * $_ + 39) . "CALL pprof.maintain();\n")
  for 0 .. 4;
my ($out, $err) = ('', '');
my $client = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $primary->connstr('postgres'), '-f', $work ],
	'>', \$out, '2>', \$err);
my ($asked, $failed) = (0, '');
# at least once more than while it works
for (my $going = 1; $going;)
{
	$going = $client->pumpable;
	IPC::Run::pump_nb($client) if $going;
	my ($status, undef, $stderr) = $standby->psql('postgres', $questions);
	$failed .= $stderr if $status != 0;
	$asked++;
}
ok(IPC::Run::finish($client), 'the primary stored and maintained') or diag($err);
is($failed, '', 'the standby answered all the while');
note("$asked times");
compare('after all that');

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

# -- promotion -----------------------------------------------------------------

my $dictionaries = "SELECT count(*) FROM pprof.dictionaries WHERE day = '2023-11-14'";
my $before = $standby->safe_psql('postgres', $dictionaries);
$standby->promote;
$standby->safe_psql('postgres', join '', $settings, map { small_sql('small', $_) } 20 .. 29);
cmp_ok($standby->safe_psql('postgres', $dictionaries), '>', $before,
	'a server that was started anew begins dictionaries of its own');
is( $standby->safe_psql(
		'postgres', $settings . "SELECT pprof.ingest('\\x$body', '{\"service_name\": \"promoted\"}') > 0"),
	't', 'promoted, it stores');
$standby->safe_psql('postgres', 'CALL pprof.maintain()');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM pprof.maintenance_steps WHERE failures > 0'), '0', 'it maintains');
is($standby->safe_psql('postgres', 'SELECT * FROM pprof.check()'), '', 'and all is sound');

done_testing();
