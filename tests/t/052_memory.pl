# A session that writes and reads 500 services keeps what the settings allow, and a
# question about 30 days needs memory for its answer, not for what it read.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PgpprofMaintenance;
use PgpprofNode;
use PgpprofProfile;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { SERVICES => 500, DAYS => 30, BASE => 1_696_118_400 };    # 2023-10-01 00:00 UTC

my $node = pgpprof_node('main', conf => <<'CONF');
pprof.accept_past = 0
pprof.databases = ''
pprof.writer_cache_size = '4MB'
pprof.reader_cache_size = '4MB'
log_statement = none
jit = off
CONF

# Kilobytes that a session keeps in dictionaries, and the most that its process ever had.
my $kept = q{SELECT 'kept ' || COALESCE(sum(total_bytes), 0) / 1024 FROM pg_backend_memory_contexts
	WHERE name ~ '^pprof (dictionar|chunks)';
};
my $peak = q{SELECT 'peak ' || substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s+(\d+)');
};

sub push_statement
{
	my ($service, $time, @stacks) = @_;
	my $hex = profile_hex(time => $time * 1_000_000_000, stacks => \@stacks);
	return "SELECT count(*) FROM pprof.push(ARRAY['\\x$hex'::bytea], ARRAY['{\"__name__\": \"process_cpu\", \"service_name\": \"$service\"}'::jsonb]);\n";
}

# Stacks that nobody else has, ten functions deep.
sub stacks
{
	my ($n, $tag) = @_;
	return map {
		my $i = $_;
		my @path = map { 'f' . ($i * $_) % 97 } 1 .. 8;
		[ 1 + $i % 5, 'main', @path, "leaf_${tag}_$i" ]
	} 1 .. $n;
}

sub flame
{
	my ($service, $days) = @_;
	return "SELECT count(*) FROM pprof.flamegraph('process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{service_name=\"$service\"}', "
	  . "'2023-10-01 00:00Z'::timestamptz, '2023-10-01 00:00Z'::timestamptz + interval '$days days');\n";
}

# One session stores profiles of all services and asks for each; what it kept is
# looked at in between, and is largest for whichever number came.
my $script = '';
for my $n (1 .. SERVICES)
{
	$script .= push_statement("svc$n", BASE + $n, stacks(25, $n)) . flame("svc$n", 1);
	$script .= $kept if $n % 50 == 0;
}
$script .= $peak;
my $run = background_script($node, $script)->finish;
is($run->{err}, '', 'all services are stored and asked for');
my @kept = $run->{out} =~ /^kept (\d+)/mg;
is(scalar @kept, SERVICES / 50, 'memory is looked at');
cmp_ok((sort { $b <=> $a } @kept)[0], '<=', (4 + 4) * 1024 * 1.25, 'dictionaries that a session keeps stay within the settings');
cmp_ok((sort { $b <=> $a } @kept)[0], '>', 0, 'and there are some');
note "kept: @kept kB; $1" if $run->{out} =~ /^(peak \d+)/m;

# 30 days of one service: each day brings stacks of its own.
$script = '';
for my $day (0 .. DAYS - 1)
{
	$script .= push_statement('long', BASE + $day * 86400 + $_ * 21600, stacks(100, "$day\_$_")) for 0 .. 3;
}
is(background_script($node, $script)->finish->{err}, '', '30 days are stored');
$script = "SET pprof.hour_grace = 0;\n" . join '', map {
	"SELECT format('SELECT pprof.$_', service_id) FROM pprof.services WHERE name = 'long' \\gexec\n"
} 'compact_service(%s)', ('rollup_service(%s, 100)') x 10;
for my $when ('raw rows', 'rollups')
{
	my $answer = background_script($node, flame('long', 1) . $peak . flame('long', DAYS) . $peak . $kept)->finish;
	is($answer->{err}, '', "30 days of $when are asked for");
	my @peak = $answer->{out} =~ /^peak (\d+)/mg;
	cmp_ok($peak[1] - $peak[0], '<=', 48 * 1024, "30 days of $when take less than 48 MB more than one");
	my ($left) = $answer->{out} =~ /^kept (\d+)/m;
	cmp_ok($left, '<=', 4 * 1024 * 1.25, "what is kept after it stays within the setting");
	note "peaks for $when: @peak kB, kept $left kB";
	is(background_script($node, $script)->finish->{err}, '', 'maintenance') if $when eq 'raw rows';
}
is($node->safe_psql('postgres', "SELECT count(*) > 0 FROM pprof.day_rollups"), 't', 'there are rollups of days');
done_testing();
