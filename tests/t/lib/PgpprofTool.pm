# PgpprofTool.pm: the pprof tool, as Debian has it or built from its source.
#
#     my $tool = PgpprofTool->debian($dir);              # undef where there is none
#     my $build = PgpprofTool->build($dir, @versions);   # the first that can be had
#     my $tool = $build->finish;                         # $tool->version
#     diag $build->reason($version);                     # why that one is not it
#     my ($top, $raw) = $tool->run_all([ '-top', 'cpu.pb.gz' ], [ '-raw', 'cpu.pb.gz' ]);
#
# PGPPROF_PPROF=PATH is taken instead of building one, for which PGPPROF_BUILD_TIME
# seconds are granted.  Whatever a tool keeps lies below $dir; nothing of the
# machine's configuration and binaries is looked at.
package PgpprofTool;

use strict;
use warnings FATAL => 'all';
use IPC::Run ();
use POSIX ();
use Time::HiRes ();

# A build that hangs at a proxy is given up; half a minute is the rule.
our $TIME_TO_BUILD = $ENV{PGPPROF_BUILD_TIME} // 75;

my @building;

sub environment
{
	my ($dir) = @_;
	return (
		PATH => $ENV{PATH},
		HOME => "$dir/home",
		TZ => 'UTC',
		PPROF_BINARY_PATH => '/nonexistent',
		PPROF_TMPDIR => "$dir/home");
}

# The newest tool chain below /usr/lib, else the one that the tests were given.
sub debian
{
	my ($class, $dir) = @_;
	for my $go (reverse(sort glob '/usr/lib/go-*/bin/go'), $ENV{PGPPROF_GO} // 'go')
	{
		my %env = (environment($dir), GOFLAGS => '', GOTOOLCHAIN => 'local', GOCACHE => "$dir/cache");
		my ($path, $version) = map { my $out = output(\%env, $go, @$_); chomp $out; $out }
		  ([qw(tool -n pprof)], ['version']);
		return bless { path => $path, version => $version, dir => $dir }, $class if -x $path;
	}
	return;
}

# What a command prints; nothing if it fails.
sub output
{
	my ($env, @command) = @_;
	local %ENV = %$env;
	my ($out, $err) = ('', '');
	return eval { IPC::Run::run(\@command, '>', \$out, '2>', \$err) } ? $out : '';
}

sub version { my ($self) = @_; return $self->{version} }

# What the tool prints for each list of arguments.  Two shells share the work:
# starting a program from here costs more than the tool takes.
sub run_all
{
	my ($self, @runs) = @_;
	local %ENV = environment($self->{dir});
	my (@script, @shells);
	for my $i (0 .. $#runs)
	{
		my $command = join ' ', map { quotemeta } $self->{path}, '-symbolize=none', @{ $runs[$i] };
		$script[ $i % 2 ] .= "$command >'$self->{dir}/out.$i' 2>'$self->{dir}/err.$i' || echo failed >>'$self->{dir}/err.$i'\n";
	}
	push @shells, IPC::Run::start(['sh'], '<', \$_) foreach @script;
	$_->finish or die "sh: $?" foreach @shells;
	return map { $self->output_of($_, @{ $runs[$_] }) } 0 .. $#runs;
}

sub output_of
{
	my ($self, $i, @args) = @_;
	my ($out, $err) = map { slurp("$self->{dir}/$_.$i") } qw(out err);
	die "pprof @args: $err" if $err =~ /^failed$/m;
	return $out;
}

sub slurp
{
	my ($name) = @_;
	open(my $file, '<:raw', $name) or die "$name: $!";
	local $/ = undef;
	my $text = <$file> // '';
	close $file;
	unlink $name;
	return $text;
}

# -- building -----------------------------------------------------------------

# A tool chain that is new enough for the tool's source.
sub new_go
{
	for my $go ($ENV{PGPPROF_GO} // 'go', 'go', '/usr/local/go/bin/go')
	{
		my $version = output({%ENV}, $go, 'version');
		return $go if $version =~ /go1\.(\d+)/ && $1 >= 24;
	}
	return;
}

# Fetch and build the first of some versions that can be had, in the background,
# in a process group of its own.
sub build
{
	my ($class, $dir, @versions) = @_;
	my $self = bless { dir => $dir, path => "$dir/bin/pprof", until => Time::HiRes::time() + $TIME_TO_BUILD }, $class;
	if ($ENV{PGPPROF_PPROF})
	{
		@$self{qw(path version)} = ($ENV{PGPPROF_PPROF}, $ENV{PGPPROF_PPROF});
		return $self;
	}
	my $go = new_go() or return $self;
	defined($self->{pid} = fork) or die "fork: $!";
	if ($self->{pid} == 0)
	{
		POSIX::setpgid(0, 0);
		%ENV = (
			PATH => $ENV{PATH}, HOME => "$dir/home",
			GOPROXY => $ENV{GOPROXY} // 'https://proxy.golang.org',
			(map { $_ => $ENV{$_} } grep { defined $ENV{$_} } qw(GOSUMDB HTTPS_PROXY https_proxy SSL_CERT_FILE)),
			GOFLAGS => '-modcacherw', GOWORK => 'off', GOTOOLCHAIN => 'local', CGO_ENABLED => 0,
			GOBIN => "$dir/bin", GOCACHE => "$dir/cache", GOPATH => "$dir/go", GOMODCACHE => "$dir/mod");
		exec 'sh', '-c', <<'SH', 'sh', $go, $dir, @versions or POSIX::_exit(127);
go=$1; dir=$2; shift 2
for version; do
	if "$go" install "github.com/google/pprof@$version" >"$dir/log.$version" 2>&1; then
		echo "$version" >"$dir/version"
		exit 0
	fi
done
exit 1
SH
	}
	POSIX::setpgid($self->{pid}, $self->{pid});
	push @building, $self;
	return $self;
}

# The built tool, or nothing.
sub finish
{
	my ($self) = @_;
	return $self if $self->{version};
	return if !$self->{pid};
	my $ended = waitpid $self->{pid}, POSIX::WNOHANG();
	while (!$ended && Time::HiRes::time() < $self->{until})
	{
		Time::HiRes::sleep(0.1);
		$ended = waitpid $self->{pid}, POSIX::WNOHANG();
	}
	if (!$ended)
	{
		$self->stop;
		return;
	}
	$self->{pid} = 0;
	($self->{version}) = first_lines("$self->{dir}/version", 1) if $? == 0;
	return $self->{version} ? $self : undef;
}

# Why a version is not the one that was built.
sub reason
{
	my ($self, $version) = @_;
	return "$self->{version} was given" if $self->{version} && !exists $self->{pid};
	return 'no Go tool chain of 1.24 or later' if !exists $self->{pid};
	my @log = first_lines("$self->{dir}/log.$version", 2);
	return "go install: @log" if @log && $log[0] !~ /downloading/;
	return $self->{version} ? "$self->{version} was built" : "go install took more than $TIME_TO_BUILD s";
}

sub stop
{
	my ($self) = @_;
	return if !$self->{pid};
	kill '-KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	$self->{pid} = 0;
	return;
}

sub first_lines
{
	my ($name, $n) = @_;
	open(my $file, '<', $name) or return;
	my @lines = <$file>;
	s/\s+/ /g, s/ $// foreach @lines;
	return grep { defined } @lines[ 0 .. $n - 1 ];
}

END
{
	my $status = $?;
	$_->stop foreach @building;
	$? = $status;
}

1;
