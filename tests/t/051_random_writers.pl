# Many writers that commit, abort, roll savepoints back, prepare, are killed and
# send the same again, while maintenance runs: what is stored is what a sequential
# account of the committed parts says, once.
#
#     PGPPROF_SEED=1    other transactions
#     PGPPROF_ROUNDS=10 more of them
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PgpprofMaintenance;
use PgpprofNode;
use PgpprofProfile;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant { WRITERS => 6, BASE => 1_698_710_400 };    # 2023-10-31 00:00 UTC

my $seed = $ENV{PGPPROF_SEED} // 51;
my $rounds = $ENV{PGPPROF_ROUNDS} // 1;
srand $seed;
note "PGPPROF_SEED=$seed PGPPROF_ROUNDS=$rounds";

sub pick { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }

# --- profiles --------------------------------------------------------------

my @bodies;

# Every profile has a microsecond of its own; most share stacks, some bring new ones.
sub new_body
{
	my $n = @bodies;
	my $at = BASE + pick(-1, 0, 0, 0, 1) * 86400 + pick(0, 9, 10, 23) * 3600 + int rand 3600;
	my @stacks = map { [ 1 + int rand 9, 'main', 'f' . int(rand 8), 'g' . int(rand 8) ] } 1 .. 4;
	push @stacks, [ 1, 'main', 'new', "leaf_$n" ] if chance(0.5);
	my %body = (
		number => $n,
		service => 'svc' . int(rand 4),
		pod => 'pod' . int(rand 3),
		hex => profile_hex(time => $at * 1_000_000_000 + $n * 1000, stacks => \@stacks),
		stacks => \@stacks);
	push @bodies, \%body;
	return \%body;
}

# A batch; who commits it commits the note that it was there.
sub push_bodies
{
	my (@batch) = @_;
	my @hex = map { "'\\x$_->{hex}'::bytea" } @batch;
	my @labels = map { qq('{"__name__": "process_cpu", "service_name": "$_->{service}", "pod": "$_->{pod}"}'::jsonb) } @batch;
	# one that cannot be read fails alone
	if (chance(0.1))
	{
		push @hex, q('\x0aff'::bytea);
		push @labels, q('{"service_name": "svc0"}'::jsonb);
	}
	return 'SELECT count(*) FROM pprof.push(ARRAY[' . join(',', @hex) . '], ARRAY[' . join(',', @labels) . "]);\n"
	  . 'INSERT INTO journal SELECT unnest(ARRAY[' . join(',', map { $_->{number} } @batch) . "]);\n";
}

# New ones, and now and then one that somebody sent before or is just sending.
sub batch
{
	return push_bodies(map { @bodies && chance(0.15) ? pick(@bodies) : new_body() } 1 .. 1 + int rand 4);
}

# --- transactions ----------------------------------------------------------

my $prepared = 0;

sub transaction
{
	my ($open) = @_;
	my $way = rand();
	# what one message holds is one transaction
	return batch() =~ s/;\n(?=INSERT)/ \\;\n/r if $way < 0.2;
	my $script = chance(0.2) ? "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT count(*) FROM pprof.services;\n" : "BEGIN;\n";
	$script .= batch();
	$script .= "SAVEPOINT s;\n" . batch() . pick("ROLLBACK TO s;\n", "ROLLBACK TO s;\n", "RELEASE s;\n") if chance(0.4);
	$script .= batch() if chance(0.5);
	$script .= 'SELECT pg_sleep(' . rand(0.05) . ");\n" if chance(0.5);
	return $script . "COMMIT;\n" if $way < 0.6;
	return $script . "ROLLBACK;\n" if $way < 0.75;
	return $script . "SELECT 1 / 0;\nCOMMIT;\n" if $way < 0.8;
	push @$open, 'p' . ++$prepared;
	return $script . "PREPARE TRANSACTION '$open->[-1]';\n";
}

# What one writer does, in pieces that it can be restarted between.
sub script_of
{
	my ($transactions) = @_;
	my (@pieces, @open);
	for (1 .. $transactions)
	{
		push @pieces, transaction(\@open);
		push @pieces, pick('COMMIT', 'COMMIT', 'ROLLBACK') . " PREPARED '" . shift(@open) . "';\n" if @open && chance(0.5);
	}
	return \@pieces;
}

# --- the run ---------------------------------------------------------------

my $node;
my $conf = <<'CONF';
pprof.accept_past = 0
pprof.databases = ''
max_prepared_transactions = 50
max_connections = 40
deadlock_timeout = 100ms
log_min_error_statement = panic
CONF

# What a writer has to do from a piece on; who waits for what is prepared does not wait for ever.
sub start_writer
{
	my ($writer) = @_;
	my $last = $#{ $writer->{pieces} };
	local $ENV{PGAPPNAME} = 'writer';
	$writer->{run} = background_script($node,
		"SET lock_timeout = '1s';\n" . join '', map { $writer->{pieces}[$_] . "\\echo piece $_\n" } $writer->{next} .. $last);
	return;
}

# False when it has done all; one that was killed is started again, with the piece
# that it was killed in or the one after it.
sub attend
{
	my ($writer) = @_;
	my $run = $writer->{run} or return 0;
	return 1 if IPC::Run::pumpable($run->pump->{handle});
	$run->finish;
	push @{ $writer->{errors} }, grep { /ERROR|FATAL/ } split /\n/, $run->{err};
	$writer->{next} = $1 + 1 if $run->{out} =~ /.*^piece (\d+)$/ms;
	delete $writer->{run};
	return 0 if $writer->{next} > $#{ $writer->{pieces} };
	$writer->{kills}++;
	$writer->{next}++ if chance(0.5);
	start_writer($writer);
	return 1;
}

sub kill_one
{
	$node->safe_psql('postgres', q{
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		 WHERE application_name = 'writer' ORDER BY random() LIMIT 1});
	return;
}

# All writers to their ends, two sessions of maintenance beside them.
sub run_writers
{
	my @writers = map { { pieces => script_of(30), next => 0, kills => 0, errors => [] } } 1 .. WRITERS;
	my @maintenance = map { background_script($node, maintenance_script(4)) } 1 .. 2;
	my $next_kill = time + 0.5;
	start_writer($_) for @writers;
	while (grep { attend($_) } @writers)
	{
		for (@maintenance)
		{
			next if IPC::Run::pumpable($_->pump->{handle});
			is($_->finish->{err}, '', 'maintenance complains of nothing') if $_->{err} ne '';
			$_ = background_script($node, maintenance_script(4));
		}
		sleep 0.02;
		next if time < $next_kill;
		kill_one();
		$next_kill = time + 0.2 + rand 0.5;
	}
	$_->finish for @maintenance;
	is(join('', map { $_->{err} } @maintenance), '', 'maintenance complains of nothing');
	return @writers;
}

# What is prepared and was forgotten.
sub end_prepared
{
	for my $gid (split /\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts ORDER BY 1'))
	{
		$node->safe_psql('postgres', pick('COMMIT', 'ROLLBACK') . " PREPARED '$gid'");
	}
	return;
}

# --- the account -----------------------------------------------------------

my $type = 'process_cpu:samples:count:cpu:nanoseconds';

# From the notes of what was committed: profiles and counts by service and pod, counts by stack.
sub expected
{
	my (%pods, %stacks);
	for my $n (split /\n/, $node->safe_psql('postgres', 'SELECT DISTINCT body FROM journal'))
	{
		my $body = $bodies[$n];
		my $pod = $pods{"$body->{service}|$body->{pod}"} //= [ 0, 0 ];
		$pod->[0]++;
		for (@{ $body->{stacks} })
		{
			my ($count, @names) = @$_;
			$pod->[1] += $count;
			$stacks{ "$body->{service}|" . join ';', @names } += $count;
		}
	}
	return (join("\n", sort map { "$_|$pods{$_}[0]|$pods{$_}[1]" } keys %pods),
		join("\n", sort map { "$_|$stacks{$_}" } keys %stacks));
}

sub judge
{
	my ($when) = @_;
	my ($pods, $stacks) = expected();
	is( $node->safe_psql('postgres', q{
			SELECT service, labels ->> 'pod', count(*), (sum(total) / 10000000)::bigint FROM pprof.profiles GROUP BY 1, 2 ORDER BY 1, 2}),
		$pods, "$when: every committed profile is there once");
	is( join("\n", sort split /\n/, $node->safe_psql('postgres', qq{
			SELECT name || '|' || (SELECT string_agg(f, ';' ORDER BY i DESC) FROM unnest(s.stack) WITH ORDINALITY AS x (f, i)), sum(value)
			  FROM (SELECT DISTINCT name FROM pprof.services) AS n,
			       pprof.stacks(pprof.query('$type', format('{service_name="%s"}', name), '-infinity', 'infinity')) AS s
			 GROUP BY 1})),
		$stacks, "$when: every stack has its count");
	is($node->safe_psql('postgres', 'SELECT * FROM pprof.check()'), '', "$when: all is sound");
	return;
}

my @expected_errors = (
	qr/division by zero/, qr/terminating connection/, qr/deadlock detected/, qr/lock timeout/,
	qr/could not serialize access/, qr/prepared transaction with identifier "p\d+" does not exist/,
	qr/transaction identifier "p\d+" is already in use/, qr/current transaction is aborted/,
	qr/savepoint "s" does not exist/);

# With counters in shared memory, and without: then a dictionary has one writer at a time.
for my $mode ('preloaded', 'not preloaded')
{
	$node = pgpprof_node($mode =~ s/ /_/r, preload => $mode eq 'preloaded', conf => $conf);
	$node->safe_psql('postgres', 'CREATE TABLE journal (body int)');
	@bodies = ();
	for my $round (1 .. $rounds)
	{
		my @writers = run_writers();
		my @errors = grep { my $line = $_; !grep { $line =~ $_ } @expected_errors } map { @{ $_->{errors} } } @writers;
		is(join("\n", @errors), '', "$mode, round $round: nothing fails that was not meant to");
		cmp_ok(eval(join '+', map { $_->{kills} } @writers), '>', 0, "$mode, round $round: some were killed");
		end_prepared();
		judge("$mode, round $round");
		is(background_script($node, maintenance_script(4))->finish->{err}, '', "$mode, round $round: maintenance goes on");
		judge("$mode, round $round, after maintenance");
	}
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM journal'), '>', 100 * $rounds, "$mode: enough was stored to tell");
	$node->stop;
}
done_testing();
