# What was acknowledged is there after a kill -9 of the server, once; what was
# not is there whole or not at all.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PgpprofNode;
use PgpprofProfile;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use constant { ROUNDS => 4, CLIENTS => 4, PER_ROUND => 3000, BASE => 1_700_000_000 };

my $node = pgpprof_node('main', conf => "pprof.accept_past = 0\nfsync = off\n");
$node->safe_psql('postgres', 'SELECT pprof.create_partitions()');

# Profile n of a client: a second of its own, a stack that all have and one that is new.
sub statement
{
	my ($client, $n) = @_;
	my $hex = profile_hex(
		time => (BASE + $n) * 1_000_000_000 + $client,
		stacks => [ [ 1, 'main', 'serve' ], [ $n % 7 + 1, 'main', "step_$client", "leaf_$client\_$n" ] ]);
	my $service = 'svc' . $client % 2;
	return "SELECT '$client $n ' || stored FROM pprof.push(ARRAY['\\x$hex'::bytea], "
	  . "ARRAY['{\"__name__\":\"process_cpu\",\"service_name\":\"$service\",\"client\":\"$client\"}'::jsonb]);\n";
}

# psql runs the statements one by one, each its own transaction, and writes what was answered.
sub start_client
{
	my ($client, $first) = @_;
	my %run = (client => $client, in => "$PostgreSQL::Test::Utils::tmp_check/in_$client.sql", out => '', err => '');
	open my $file, '>', $run{in} or die $!;
	print $file statement($client, $_) for $first .. $first + PER_ROUND - 1;
	close $file;
	$run{handle} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', $run{in} ],
		'>', \$run{out}, '2>', \$run{err});
	return \%run;
}

# Kill the postmaster and wait until nobody can take its number for a living one.
sub kill_server
{
	my $pid = $node->{_pid};
	$node->kill9;
	for (1 .. 600)
	{
		last if !kill 0, $pid;
		sleep 0.1;
	}
	return;
}

sub restart
{
	for my $attempt (1 .. 100)
	{
		return 1 if $node->start(fail_ok => 1);
		$node->{_pid} = undef;
		sleep 0.1;    # the last backends of the dead server are still leaving
	}
	return 0;
}

my (%acked, %next);
$next{$_} = 0 for 1 .. CLIENTS;
for my $round (1 .. ROUNDS)
{
	my @clients = map { start_client($_, $next{$_}) } 1 .. CLIENTS;
	my $until = time + 20;
	# some of each client first, then a moment that is another in each round
	while (time < $until && grep { ($_->{out} =~ tr/\n//) < 20 } @clients)
	{
		# one may have come to its end while another waited for its turn
		IPC::Run::pump_nb($_->{handle}) for grep { $_->{handle}->pumpable } @clients;
		sleep 0.01;
	}
	sleep 0.05 * $round;
	kill_server();
	for my $client (@clients)
	{
		IPC::Run::finish($client->{handle});
		for (split /\n/, $client->{out})
		{
			my ($id, $n, $stored) = split / /;
			$acked{"$id $n"} = $stored;
			$next{$id} = $n + 1;
		}
	}
	ok(restart(), "round $round: the server starts again");
	is($node->safe_psql('postgres', 'SELECT * FROM pprof.check()'), '', "round $round: all is sound");

	my %stored;
	my @rows = split /\n/, $node->safe_psql('postgres', q{
		SELECT labels ->> 'client' || ' ' || extract(epoch FROM date_trunc('second', at))::bigint - } . BASE . q{,
			count(*), sum(total) FROM pprof.profiles GROUP BY 1});
	for (@rows)
	{
		my ($id, $count, $total) = split /\|/;
		$stored{$id} = [ $count, $total ];
	}
	my @missing = grep { !exists $stored{$_} } keys %acked;
	is("@missing", '', "round $round: of " . keys(%acked) . ' acknowledged profiles none is missing');
	my @doubled = grep { $stored{$_}[0] != 1 } keys %stored;
	is("@doubled", '', "round $round: none is stored twice");
	my @changed = grep { my ($n) = / (\d+)/; $stored{$_}[1] != ($n % 7 + 2) * 10_000_000 } keys %stored;
	is("@changed", '', "round $round: each has its values");
	cmp_ok(keys(%stored) - keys(%acked), '<=', CLIENTS * $round, "round $round: at most the ones on their way came too");
}
cmp_ok(scalar keys %acked, '>=', ROUNDS * CLIENTS * 20, 'enough was stored to tell');
is((scalar grep { $_ != 1 } values %acked), (scalar grep { $_ == 0 } values %acked), 'a second delivery of what was on its way stores nothing');

# names as well as sums: the leaf of one profile of each client
for my $client (1 .. CLIENTS)
{
	my $service = 'svc' . $client % 2;
	is($node->safe_psql('postgres', "SELECT value FROM pprof.flamegraph('process_cpu:samples:count:cpu:nanoseconds',
			'{service_name=\"$service\"}', '2023-11-14'::timestamptz, '2023-11-16'::timestamptz, 0)
			WHERE label = 'leaf_$client\_10'"), '4', "stack 10 of client $client has its name");
}
done_testing();
