# Whatever was asked, whatever had become of the stored profiles: the answer is
# the merge of the profiles themselves, node by node.
#
#     PGPPROF_SEED=1    another sequence of profiles, questions and events
#     PGPPROF_ROUNDS=40 a longer one
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use JSON::PP ();
use PgpprofMaintenance;
use PgpprofNode;
use PgpprofOracle;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{PGPPROF_SEED} // 20231031;
my $rounds = $ENV{PGPPROF_ROUNDS} // 12;
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

my @sent;

# Store new profiles in batches; nothing of them is refused.
sub store
{
	my ($n, %opts) = @_;
	my $made = $oracle->make($n, %opts);
	push @sent, @$made;
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
	$script .= $compare->(one_of('compare_list(%s)', 'compare_average(%s)'));
	return $script;
}

# Time series and heat maps have their own range: points reach back by one step, and
# those of a series lie before the end.
sub series_comparisons
{
	my ($q, $number) = @_;
	return '' if "$q->{since} $q->{until}" =~ /infinity/ || $q->{since} >= $q->{until};
	my $width = $q->{until} - $q->{since};
	my $step = 1 + int($width / (1 + int rand 50));
	my $last = $q->{since} + $step * int(($width - 1) / $step);
	my ($of_series, $of_map) = map {
		my @rows = $oracle->rows($q->{type}, $q->{matchers}, $q->{since} - $step, $_);
		$oracle->arguments({ %$q, rows => [ map { $_->{row} } @rows ] })
	} $last + 1, $q->{until};
	my $names = one_of('{}', '{service_name}', '{pod}', '{env,zone}', '{thread,absent}');
	return "SELECT '$number|', compare_series($of_series, '$step us', '$names', '" . one_of(qw(sum avg)) . "');\n"
	  . "SELECT '$number|', compare_heatmap($of_map, '$step us');\n";
}

sub snapshot { return "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;\n$_[0]COMMIT;\n" }

# A script of n questions, and what they were.
sub questions
{
	my ($n, %opts) = @_;
	my @asked = map { $oracle->question(%opts) } 1 .. $n;
	my $script = join '', map { snapshot(comparisons($asked[$_], $_) . series_comparisons($asked[$_], $_)) } 0 .. $#asked;
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

# Every single profile of a type that has rows of its own.
sub view_comparison
{
	my ($type) = @_;
	my @rows = map { $_->{row} } grep { $_->{type} eq $type } $oracle->alive;
	my ($answer) = run('SELECT compare_view(' . PgpprofOracle::array(@rows) . "::int[], '$type');\n");
	is($answer // '', '', 'every single profile is right');
	return;
}

# A step of maintenance for each service.
sub maintain
{
	my ($call) = @_;
	return run('SET pprof.hour_grace = 0; SET pprof.segment_profiles = ' . one_of(2, 5, 128) . ";\n"
		  . "SELECT format('SELECT pprof.$call', service_id) FROM pprof.services ORDER BY service_id \\gexec\n");
}

# --- what may happen -------------------------------------------------------

sub count_is
{
	my ($statement, $wanted, $what) = @_;
	my ($got) = run("$statement;\n");
	is($got, $wanted, $what);
	return;
}

sub delete_profile
{
	my $of = one_of($oracle->alive);
	run("SELECT pprof.delete_profile('$of->{id}');\n");
	$oracle->forget(grep { $_->{id} eq $of->{id} } $oracle->alive);
	return "profile $of->{id} is deleted";
}

# Not too much at a time, or nothing is left to ask about.
sub delete_series
{
	my ($matchers, $since, $until, @rows);
	for (1 .. 20)
	{
		$matchers = $oracle->label_matchers;
		($since, $until) = $oracle->range;
		@rows = $oracle->rows_of_all_types($matchers, $since, $until);
		last if @rows > 0 && @rows < 0.15 * (() = $oracle->alive);
	}
	my $selector = PgpprofOracle::selector_text($matchers);
	my ($from, $to) = map { PgpprofOracle::time_text($_) } $since, $until;
	run('SELECT pprof.delete_series(' . PgpprofOracle::quote($selector) . ", '$from', '$to');\n");
	$oracle->forget(@rows);
	return "$selector from $from to $to is deleted";
}

sub relabel
{
	my $matchers = $oracle->label_matchers;
	my $labels = one_of({ zone => 'y' }, { env => undef }, { env => 'prod', team => 'x' });
	my $selector = PgpprofOracle::selector_text($matchers);
	my $text = PgpprofOracle::quote(JSON::PP->new->canonical->encode($labels));
	run('SELECT pprof.relabel(' . PgpprofOracle::quote($selector) . ", $text);\n"
		  . $oracle->relabel($labels, $oracle->rows_of_all_types($matchers, '-infinity', 'infinity')));
	return "$selector gets $text";
}

sub rename_service
{
	my $old = one_of(@{ $oracle->{services} });
	my $new = one_of(@{ $oracle->{services} }, 'new');
	return 'nothing is renamed' if $old eq $new;
	my @rows = grep { $_->{service} eq $old } $oracle->alive;
	run("SELECT pprof.rename_service('$old', '$new');\n" . $oracle->relabel({ service_name => $new }, @rows));
	return "$old is renamed to $new";
}

sub delete_service
{
	my ($service) = @_;
	run("SELECT pprof.delete_service('$service');\n");
	$oracle->forget(grep { $_->{service} eq $service } $oracle->alive);
	ask("$service is deleted", 10);
	return;
}

sub send_again
{
	my @again = (sort { $a->{id} cmp $b->{id} } $oracle->untouched(\@sent))[ 0 .. 9 ];
	my ($answer) = run($oracle->push_statement([ grep { defined } @again ]));
	is($answer, '0|0', 'nothing is stored twice');
	return 'what is there is sent again';
}

my @events = (
	sub { store(10 + int rand 50); return 'more profiles come' },
	sub { maintain('compact_service(%s, ' . one_of(7, 20000) . ')'); return 'raw rows are moved' },
	sub { maintain('compact_service(%s)') for 1 .. 2; return 'all raw rows are moved' },
	sub { maintain('rollup_service(%s, ' . one_of(1, 5, 24) . ')'); return 'some rollups are made' },
	sub { maintain('rollup_service(%s)') for 1 .. 8; return 'rollups are made' },
	sub { maintain('merge_chunks(%s)'); return 'chunks are put together' },
	sub { run("SET pprof.hour_grace = 0;\nCALL pprof.maintain();\n"); return 'maintenance does what is due' },
	\&delete_profile, \&delete_profile, \&delete_series, \&relabel, \&rename_service, \&send_again);

# Something happens, then questions are asked.
sub event
{
	my ($number) = @_;
	my $what = one_of(@events)->();
	ask("event $number, $what", 10);
	return;
}

# Questions while maintenance runs in other sessions: nothing comes or goes, so that
# every snapshot has the same profiles, each time in other places.
sub ask_meanwhile
{
	my ($what) = @_;
	my @maintenance = map { background_script($node, maintenance_script(6)) } 1 .. 2;
	my @asked = map { [ questions(25) ] } 1 .. 2;
	my @asking = map { background_script($node, $_->[0]) } @asked;
	while (grep { IPC::Run::pumpable($_->pump->{handle}) } @asking, @maintenance)
	{
		select undef, undef, undef, 0.05;
	}
	for my $i (0, 1)
	{
		my $run = $asking[$i]->finish;
		my (undef, @questions) = @{ $asked[$i] };
		is($run->{err}, '', "$what: no question fails");
		judge("$what, session $i", \@questions, split /\n/, $run->{out});
	}
	is(join('', map { $_->finish->{err} } @maintenance), '', "$what: maintenance complains of nothing");
	check($what);
	return;
}

# The profiles of a service and day go, its rollups stay: they answer for whole days
# and hours, whatever the labels were.
sub retention
{
	my ($service) = @_;
	maintain('compact_service(%s)') for 1 .. 3;
	maintain('rollup_service(%s, 100)') for 1 .. 10;
	run("SELECT pprof.set_retention('1 day', '$service', resolution => 'profiles');\n" . "SELECT pprof.apply_retention();\n" x 12);
	my @script;
	for my $type ('process_cpu:samples:count:cpu:nanoseconds', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds', 'memory:inuse_space:bytes:space:bytes')
	{
		my ($first, $last) = (sort { $a <=> $b } @{ $oracle->{midnights} })[ 0, -1 ];
		for my $hours (0, 24, 24 * 2, 33, 24 * 3)
		{
			my $q = $oracle->question(type => $type, matchers => [ [ 'service_name', '=', $service ] ],
				since => $first, until => $first + $hours * 3_600_000_000);
			push @script, [ $q, map { 'compare_flame(' . $oracle->arguments($q) . ", 0, '$_')" } qw(pprof pyroscope) ];
		}
	}
	my @asked = map { $_->[0] } @script;
	judge('after retention', \@asked, run(join '', map {
		my ($number, undef, @calls) = ($_, @{ $script[$_] });
		map { "SELECT '$number|', $_;\n" } @calls
	} 0 .. $#script));
	is($node->safe_psql('postgres', "SELECT count(*) FROM pprof.profiles WHERE service = '$service'"), '0', 'the profiles are gone');
	check('retention');
	return;
}

# --- the story -------------------------------------------------------------

store(300);
ask('from raw rows', 30);
check('raw rows');
maintain('compact_service(%s, 40)');
ask('from segments and raw rows', 30);
check('segments and raw rows');
store(100);
ask('after late arrivals', 20);
maintain('compact_service(%s)') for 1 .. 3;
is($node->safe_psql('postgres', 'SELECT count(*) FROM pprof.raw'), '0', 'no raw row is left');
ask('from segments', 20);
check('segments');
view_comparison('memory:inuse_space:bytes:space:bytes');
maintain('rollup_service(%s, 100)') for 1 .. 10;
is($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM pprof.dirty_hours) + (SELECT count(*) FROM pprof.dirty_days)'),
	'0', 'all rollups are made');
ask('from rollups', 40);
check('rollups');
for my $number (1 .. $rounds)
{
	event($number);
	check("event $number") if $number % 3 == 0;
}
store(80);
ask_meanwhile('while maintenance runs');
view_comparison('process_cpu:cpu:nanoseconds:cpu:nanoseconds');
delete_service(one_of(map { $_->{service} } $oracle->alive));
store(40);
ask('and comes again', 10);
retention(one_of(map { $_->{service} } $oracle->alive));
done_testing();
