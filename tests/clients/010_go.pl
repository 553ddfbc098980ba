# Pyroscope's Go SDK and its generated Connect clients, from their registry,
# against the bridge.  Without a Go tool chain or the modules it is skipped.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/../t/lib";
use PgpprofBridge;
use PgpprofNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $source = "$FindBin::RealBin/go";

# everything that Go keeps lies in the test's own folder
$ENV{HOME} = $dir;
$ENV{GOFLAGS} = '-modcacherw -mod=readonly';
$ENV{GOPATH} = "$dir/go";
$ENV{GOCACHE} = "$dir/cache";
$ENV{GOWORK} = 'off';

SKIP:
{
	skip 'the Go client could not be built', 1
	  unless eval { system("cd '$source' && go build -o '$dir/client' . 2>&1") == 0 };

	my $node = pgpprof_node('main');
	my $bridge = PgpprofBridge->start($node);
	my ($out, $err);
	local $ENV{NO_PROXY} = '*';
	my $ok = IPC::Run::run([ "$dir/client", $bridge->{url} ], '>', \$out, '2>', \$err);
	subtest 'Go SDK and Connect clients' => sub {
		for my $line (split /\n/, $out)
		{
			ok($1 eq 'ok', $2) if $line =~ /^(ok|not ok) \d+ - (.*)/;
		}
		ok($ok, 'the client succeeded') or diag $err;
	};
	is($bridge->stop, 0, 'the bridge stops');
}
done_testing();
