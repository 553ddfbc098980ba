# Whatever was asked, whatever had become of the stored profiles: the answer is
# the merge of the profiles themselves, node by node.
#
#     PGPPROF_SEED=1    another sequence of profiles, questions and events
#     PGPPROF_ROUNDS=40 a longer one
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PgpprofNode;
use PgpprofOracle;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{PGPPROF_SEED} // 20231031;
my $rounds = $ENV{PGPPROF_ROUNDS} // 6;
srand $seed;
note "PGPPROF_SEED=$seed PGPPROF_ROUNDS=$rounds";

my $node = pgpprof_node('main', conf => <<'CONF');
pprof.accept_past = 0
pprof.databases = ''
jit = off
client_min_messages = warning
CONF
$node->safe_psql('postgres', slurp_file("$FindBin::RealBin/lib/comparison.sql"));

# the last day of a month and its neighbours
my $oracle = PgpprofOracle->new(
	services => [qw(alpha beta gamma delta)],
	days => [ '2023-10-30', '2023-10-31', '2023-11-01' ]);

# Run a script; what it printed, by line.
sub run
{
	my ($script) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $script, on_error_stop => 1);
	is($err, '', 'nothing is complained of') if $err ne '' || $status != 0;
	return split /\n/, $out;
}

sub one_of { return $_[ int rand @_ ] }

# Store new profiles in batches; nothing of them is refused.
sub store
{
	my ($n, %opts) = @_;
	my $made = $oracle->make($n, %opts);
	my $script = '';
	while (my @batch = splice @$made, 0, 1 + int rand 40)
	{
		$script .= $oracle->push_statement(\@batch);
	}
	my @answers = run($script);
	is(scalar(grep { !/\|0$/ } @answers), 0, "$n profiles are stored");
	run($oracle->keep_statement);
	return;
}

# Statements that compare the answers to a question, each printing its number and what differs.
sub comparisons
{
	my ($q, $number) = @_;
	my $arguments = $oracle->arguments($q);
	my $compare = sub { "SELECT '$number|', " . sprintf($_[0], $arguments) . ";\n" };
	my $script = $compare->('compare_query(%s)');
	$script .= $compare->("compare_flame(%s, 0, '$_')") for qw(pprof pyroscope);
	$script .= $compare->('compare_flame(%s, ' . int(rand 60) . ", '" . one_of(qw(pprof pyroscope)) . "')");
	$script .= $compare->("compare_top(%s, '" . one_of(qw(functions filefunctions files lines addresses)) . "')");
	return $script;
}

# A time series has its own range: points reach back by one step.
sub series_comparison
{
	my ($q, $number) = @_;
	return '' if "$q->{since} $q->{until}" =~ /infinity/ || $q->{since} >= $q->{until};
	my $width = $q->{until} - $q->{since};
	my $step = 1 + int($width / (1 + int rand 50));
	my $last = $q->{since} + $step * int(($width - 1) / $step);
	my @rows = $oracle->rows($q->{type}, $q->{matchers}, $q->{since} - $step, $last + 1);
	my $names = one_of('{}', '{service_name}', '{pod}', '{env,zone}', '{thread,absent}');
	return "SELECT '$number|', compare_series("
	  . $oracle->arguments({ %$q, rows => [ map { $_->{row} } @rows ] })
	  . ", '$step us', '$names', '" . one_of(qw(sum avg)) . "');\n";
}

sub snapshot { return "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;\n$_[0]COMMIT;\n" }

# A script of n questions, and what they were.
sub questions
{
	my ($n, %opts) = @_;
	my @asked = map { $oracle->question(%opts) } 1 .. $n;
	my $script = join '', map { snapshot(comparisons($asked[$_], $_) . series_comparison($asked[$_], $_)) } 0 .. $#asked;
	return ($script, @asked);
}

sub describe
{
	my ($q) = @_;
	return "$q->{type} $q->{selector} from " . PgpprofOracle::time_text($q->{since}) . ' to '
	  . PgpprofOracle::time_text($q->{until}) . ' of ' . @{ $q->{rows} } . ' rows';
}

sub judge
{
	my ($what, $asked, @lines) = @_;
	my @wrong;
	for (@lines)
	{
		my ($number, undef, $difference) = split /\|/, $_, 3;
		push @wrong, describe($asked->[$number]) . ": $difference" if $difference ne '';
	}
	is(join("\n", splice @wrong, 0, 3), '', "$what: " . @lines . ' answers to ' . @$asked . ' questions are exact');
	return;
}

sub check
{
	my ($what) = @_;
	is($node->safe_psql('postgres', 'SELECT * FROM pprof.check()'), '', "$what: all is sound");
	return;
}

sub ask
{
	my ($what, $n, %opts) = @_;
	my ($script, @asked) = questions($n, %opts);
	judge($what, \@asked, run($script));
	return;
}

# Statements of maintenance, each for itself, one of its steps for one or all services.
sub each_service
{
	my ($call, $service) = @_;
	my $where = defined $service ? "WHERE name = '$service'" : '';
	return "SELECT format('SELECT $call', service_id) FROM pprof.services $where ORDER BY service_id \\gexec\n";
}

store(300);
ask('from raw rows', 30);
check('raw rows');
run("SET pprof.hour_grace = 0; SET pprof.segment_profiles = 4;\n" . each_service('pprof.compact_service(%s, 40)'));
ask('from segments and raw rows', 30);
check('segments and raw rows');
store(100);
ask('after late arrivals', 20);
run("SET pprof.hour_grace = 0;\n" . each_service('pprof.compact_service(%s)') x 3);
ask('from segments', 30);
is($node->safe_psql('postgres', 'SELECT count(*) FROM pprof.raw'), '0', 'no raw row is left');
check('segments');

done_testing();
