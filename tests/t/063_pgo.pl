# What to_pgo() makes is what the Go compiler would have read of the profile itself.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PgpprofNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $shop = $ENV{PGPPROF_SHOP} or die 'PGPPROF_SHOP: the built example';
my $dir = "$ENV{TESTDATADIR}/work";
mkdir $ENV{TESTDATADIR};
mkdir $dir or die "$dir: $!";

# Environment of a Go that finds nothing but itself.
my %go_env = (HOME => $dir, GOCACHE => "$dir/go-cache", GOFLAGS => '', GOWORK => 'off', GOPROXY => 'off',
	GOTOOLCHAIN => 'local', CGO_ENABLED => 0);

sub run_go
{
	my (@command) = @_;
	local %ENV = (%ENV, %go_env);
	my ($out, $err);
	my $ok = eval { IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err) };
	return ($ok, $out, $err);
}

# The newest Go there is; the one that scripts build with may be too old.
my ($go, $minor) = ('', 0);
for my $candidate ($ENV{PGPPROF_GO} // 'go', glob('/usr/local/go/bin/go /usr/lib/go-*/bin/go'))
{
	my ($ok, $version) = run_go($candidate, 'version');
	($go, $minor) = ($candidate, $1) if $ok && $version =~ /go1\.(\d+)/ && $1 > $minor;
}
plan skip_all => 'no Go of at least 1.21, which is the first with -pgo' if $minor < 21;

# The example service, for two seconds.  Its Go may record no start lines (before 1.20).
my $port = pgpprof_free_port();
defined(my $pid = fork) or die "fork: $!";
if ($pid == 0)
{
	open(STDERR, '>', "$dir/shop.log") or die $!;
	exec $shop, '-listen', "127.0.0.1:$port", '-load', '0.8';
}
END { kill 'TERM', $pid if $pid }
my $recorded = "$dir/cpu.pb.gz";
system('curl', '-sS', '--retry', 20, '--retry-connrefused', '--retry-delay', 1, '-o', $recorded,
	"http://127.0.0.1:$port/debug/pprof/profile?seconds=2") == 0 or die 'curl';

my $node = pgpprof_node('main');
my $shop_go = (run_go($go, 'version', $shop))[1] =~ /go1\.(\d+)/ ? $1 : 0;
if ($shop_go < 20)
{
	my ($status, $out, $err) = $node->psql('postgres', "SELECT pprof.to_pgo(pg_read_binary_file('$recorded')::pprof.profile)");
	like($err, qr/start line/, "go1.$shop_go records no start lines, and that is what is said");
	$recorded = pgpprof_data('pprof/go/go123-a-cpu.pb.gz');
}

sub pgo_file
{
	my ($keep) = @_;
	my $hex = $node->safe_psql('postgres',
		"SELECT encode(pprof.to_pgo(pg_read_binary_file('$recorded')::pprof.profile, $keep), 'hex')");
	my $file = "$dir/keep$keep.pgo";
	open(my $out, '>', $file) or die "$file: $!";
	binmode $out;
	print $out pack('H*', $hex);
	close $out or die $!;
	return $file;
}

my $whole = pgo_file(0);
cmp_ok(-s $whole, '<', -s $recorded, 'it is smaller than what was recorded');

SKIP:
{
	skip "go1.$minor has no preprofile", 2 if $minor < 23;
	my ($ok, undef, $err) = run_go($go, 'tool', 'preprofile', '-i', $recorded, '-o', "$dir/expected");
	die $err unless $ok;
	for my $file ($whole, pgo_file(2))
	{
		($ok, undef, $err) = run_go($go, 'tool', 'preprofile', '-i', $file, '-o', "$file.read");
		is($err . slurp_file("$file.read"), slurp_file("$dir/expected"), "the compiler reads the same from $file");
	}
}

mkdir "$dir/src" or die $!;
append_to_file("$dir/src/go.mod", "module example.test/tiny\n\ngo 1.21\n");
append_to_file("$dir/src/main.go", "package main\n\nfunc main() { println(\"built\") }\n");
my ($ok, $out, $err) = run_go($go, 'build', '-C', "$dir/src", "-pgo=$whole", '-o', "$dir/tiny", '.');
ok($ok, 'go build -pgo takes it') or diag $err;
like((run_go($go, 'version', '-m', "$dir/tiny"))[1], qr/-pgo=/, 'and the program was built with it');
done_testing();
