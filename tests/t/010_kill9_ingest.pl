# What was acknowledged is there after a kill -9 of the server, once; what was
# not is there whole or not at all.  Clients push in SQL and through the bridge
# while maintenance moves what they stored.
#
#     PGPPROF_KILLS=100  more of them
#     PGPPROF_SEED=1     other moments
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use HTTP::Tiny;
use PgpprofBridge;
use PgpprofMaintenance;
use PgpprofNode;
use PgpprofProfile;
use POSIX qw(WNOHANG);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant { BY_SQL => 3, BY_HTTP => 2, PER_ROUND => 800, BASE => 1_700_000_000 };

my $kills = $ENV{PGPPROF_KILLS} // 20;
my $seed = $ENV{PGPPROF_SEED} // 9;
srand $seed;
note "PGPPROF_SEED=$seed PGPPROF_KILLS=$kills";

my $node = pgpprof_node('main', conf => <<'CONF');
pprof.accept_past = 0
pprof.databases = ''
fsync = off
CONF
# from here on as a child of this process
$node->stop;
start_server() or die 'the server does not start';
$node->safe_psql('postgres', 'SELECT pprof.create_partitions()');
my $bridge = PgpprofBridge->start($node);

# Profile n of a client: a second of its own, a stack that all have and one that is new.
sub profile
{
	my ($client, $n) = @_;
	return profile_hex(
		time => (BASE + $n) * 1_000_000_000 + $client,
		stacks => [ [ 1, 'main', 'serve' ], [ $n % 7 + 1, 'main', "step_$client", "leaf_$client\_$n" ] ]);
}

sub labels
{
	my ($client, $service) = @_;
	return { __name__ => 'process_cpu', service_name => "svc$service", client => "c$client" };
}

# Both services get every profile, in one transaction.
sub statement
{
	my ($client, $n) = @_;
	my $body = "'\\x" . profile($client, $n) . "'::bytea";
	my $labels = join ',', map { "'" . JSON::PP->new->canonical->encode(labels($client, $_)) . "'::jsonb" } 0, 1;
	return "SELECT '$client $n ' || sum(stored) FROM pprof.push(ARRAY[$body, $body], ARRAY[$labels]) HAVING count(sqlstate) = 0;\n";
}

# psql runs the statements one by one, each its own transaction, and writes what was answered.
sub start_sql
{
	my ($client, $first) = @_;
	my $run = background_script($node, join '', map { statement($client, $_) } $first .. $first + PER_ROUND - 1);
	return {
		count => sub { $run->pump; return $run->{out} =~ tr/\n// },
		finish => sub { return $run->finish->{out} }
	};
}

# Is profile n of the client acknowledged?
sub post
{
	my ($http, $client, $n) = @_;
	my $bytes = pack 'H*', profile($client, $n);
	my $body = $bridge->push_request(map { { labels => labels($client, $_), profiles => [$bytes] } } 0, 1);
	return $http->post("$bridge->{url}/push.v1.PusherService/Push",
		{ content => $body, headers => { 'Content-Type' => 'application/proto' } })->{success};
}

# One request after the other until one fails; the first is repeated, because the
# bridge may not have noticed yet that the server is back.
sub post_all
{
	my ($client, $first, $out) = @_;
	my $http = HTTP::Tiny->new(timeout => 30);
	my $tries = 0;
	while (!post($http, $client, $first))
	{
		return if ++$tries > 200;
		sleep 0.05;
	}
	print $out "$client $first ?\n";
	for my $n ($first + 1 .. $first + PER_ROUND - 1)
	{
		return if !post($http, $client, $n);
		print $out "$client $n ?\n";
	}
	return;
}

# A process of its own, which writes what was answered.
sub start_http
{
	my ($client, $first) = @_;
	my $path = "$PostgreSQL::Test::Utils::tmp_check/http_$client";
	my $pid = fork() // die $!;
	if ($pid == 0)
	{
		open my $out, '>', $path or die $!;
		$out->autoflush(1);
		post_all($client, $first, $out);
		# without the END blocks of the parent
		POSIX::_exit(0);
	}
	my $read = sub { return -e $path ? slurp_file($path) : '' };
	return {
		count => sub { return $read->() =~ tr/\n// },
		finish => sub {
			waitpid $pid, 0;
			my $out = $read->();
			unlink $path;
			return $out;
		}
	};
}

# The server is a child of this process, which therefore knows when it is gone: its
# number, by which the next one would take it for a living one, goes with it.
sub start_server
{
	my $pid = fork() // die $!;
	if ($pid == 0)
	{
		open STDOUT, '>>', $node->logfile;
		open STDERR, '>&', \*STDOUT;
		exec 'postgres', '-D', $node->data_dir, '--cluster-name=main' or POSIX::_exit(127);
	}
	while (waitpid($pid, WNOHANG) == 0)
	{
		if (system_log('pg_isready', '-q', '-h', $node->host, '-p', $node->port) == 0)
		{
			$node->{_pid} = $pid;
			return 1;
		}
		sleep 0.05;
	}
	return 0;
}

sub kill_server
{
	my $pid = $node->{_pid};
	$node->kill9;
	waitpid $pid, 0;
	return;
}

# The memory of the dead server is in use until the last of its backends has left.
sub restart
{
	for my $attempt (1 .. 200)
	{
		return 1 if start_server();
		sleep 0.05;
	}
	return 0;
}

# Profiles that are stored: by client and number, then service: how often, and the value.
sub stored
{
	my %stored;
	my @rows = split /\n/, $node->safe_psql('postgres', q{
		SELECT substr(labels ->> 'client', 2) || ' ' || extract(epoch FROM date_trunc('second', at))::bigint - } . BASE . q{,
			service, count(*), sum(total) FROM pprof.profiles WHERE profile_type LIKE '%:cpu:nanoseconds:cpu:%' GROUP BY 1, 2});
	for (@rows)
	{
		my ($id, $service, $count, $total) = split /\|/;
		$stored{$id}{$service} = [ $count, $total ];
	}
	return \%stored;
}

sub some { return join ', ', splice @_, 0, 10 }

my @clients = 1 .. BY_SQL + BY_HTTP;
my %next = map { $_ => 0 } @clients;
my %acked;

# Start all; a moment after each has been answered, kill the server.
sub round
{
	my @runs = map { $_ <= BY_SQL ? start_sql($_, $next{$_}) : start_http($_, $next{$_}) } @clients;
	my $maintenance = background_script($node, maintenance_script(200));
	my $until = time + 30;
	while (time < $until && grep { $_->{count}->() < 3 } @runs)
	{
		$maintenance->pump;
		sleep 0.01;
	}
	my $moment = time + rand 0.8;
	while (time < $moment)
	{
		$maintenance->pump;
		$_->{count}->() for @runs;
		sleep 0.01;
	}
	kill_server();
	$maintenance->finish;
	return join '', map { $_->{finish}->() } @runs;
}

for my $round (1 .. $kills)
{
	my $answers = round();
	my %refused;
	for (split /\n/, $answers)
	{
		my ($client, $n, $stored) = split / /;
		# the last that was acknowledged is sent once more
		$refused{"$client $n"} = $stored if $stored ne '?' && $acked{"$client $n"} && $stored != 0;
		$acked{"$client $n"} = 1;
		$next{$client} = $n;
	}
	ok(restart(), "kill $round: the server starts again");
	is(join(' ', %refused), '', "kill $round: a second delivery stores nothing");
	is($node->safe_psql('postgres', 'SELECT * FROM pprof.check()'), '', "kill $round: all is sound")
	  if $round % 5 == 0 || $round == $kills;

	my $stored = stored();
	my @missing = grep { !exists $stored->{$_} } sort keys %acked;
	is(some(@missing), '', "kill $round: of " . keys(%acked) . ' acknowledged profiles none is missing');
	my @changed = grep {
		my ($n) = / (\d+)/;
		my $right = '1|' . ($n % 7 + 2) * 10_000_000;
		grep { join('|', @$_) ne $right } values %{ $stored->{$_} }
	} sort keys %$stored;
	is(some(@changed), '', "kill $round: none is doubled, each has its values");
	my @halves = grep { keys %{ $stored->{$_} } != 2 } sort keys %$stored;
	is(some(@halves), '', "kill $round: each is there with all of its request");
	cmp_ok(keys(%$stored) - keys(%acked), '<=', @clients * $round, "kill $round: at most the ones on their way came too");
}
cmp_ok(scalar keys %acked, '>=', $kills * @clients, 'enough was stored to tell');

# names as well as sums: the leaf of one profile of each client
for my $client (@clients)
{
	is($node->safe_psql('postgres', "SELECT sum(value) FROM pprof.flamegraph('process_cpu:samples:count:cpu:nanoseconds',
			'{}', '2023-11-14'::timestamptz, '2023-11-16'::timestamptz, 0)
			WHERE label = 'leaf_$client\_2'"), '6', "stack 2 of client $client has its name");
}
# and what the last kill interrupted goes on
my $after = background_script($node, maintenance_script(8))->finish;
is($after->{err}, '', 'maintenance goes on');
is($node->safe_psql('postgres', 'SELECT * FROM pprof.check()'), '', 'all is sound');
is($bridge->stop, 0, 'the bridge outlived them all');
done_testing();
