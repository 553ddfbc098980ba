# PgpprofTarget.pm: a small HTTP server that plays a program to be scraped.
#
#     my $target = PgpprofTarget->start;
#     $target->serve('/debug/pprof/allocs', pgpprof_data('pprof/go/x.pb.gz'));
#     $target->serve('/debug/pprof/heap', \"text", status => 500, type => 'text/html');
#     $target->hang('/debug/pprof/block');       # accepts and never answers
#     $target->address                           # 127.0.0.1:port
#     $target->requests                          # request targets so far
#
# What is served can change at any time: each path is a file, read per request.
# A process answers each connection; the server ends with the test.
package PgpprofTarget;

use strict;
use warnings FATAL => 'all';
use File::Temp;
use IO::Socket::INET;
use POSIX ();

my @running;

sub start
{
	my ($class) = @_;
	my $socket =
	  IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 128, ReuseAddr => 1)
	  or die "no server socket: $!";
	my $self = bless {
		dir => File::Temp->newdir,
		port => $socket->sockport,
		owner => $$,
	}, $class;
	my $pid = fork() // die "could not fork: $!";
	if ($pid == 0)
	{
		$SIG{TERM} = sub { POSIX::_exit(0) };
		eval { accept_all($socket, "$self->{dir}") };
		POSIX::_exit(1);
	}
	close $socket;
	$self->{pid} = $pid;
	push @running, $self;
	return $self;
}

sub address { my ($self) = @_; return "127.0.0.1:$self->{port}" }

sub file_of
{
	my ($dir, $path) = @_;
	$path =~ s/\?.*//;
	$path =~ s/[^A-Za-z0-9]/_/g;
	return "$dir/path$path";
}

sub write_file
{
	my ($name, $content) = @_;
	open(my $file, '>:raw', "$name.new") or die "$name.new: $!";
	print $file $content;
	close $file or die "$name.new: $!";
	rename "$name.new", $name or die "$name: $!";
	return;
}

sub serve
{
	my ($self, $path, $content, %opts) = @_;
	my $body;
	if (ref $content)
	{
		$body = $$content;
	}
	else
	{
		open(my $file, '<:raw', $content) or die "$content: $!";
		local $/ = undef;
		$body = <$file>;
	}
	my $status = $opts{status} // 200;
	my $type = $opts{type} // 'application/octet-stream';
	my $headers = $opts{headers} // '';
	my $length = length $body;
	write_file(file_of("$self->{dir}", $path),
		"HTTP/1.1 $status Because\r\nContent-Type: $type\r\nContent-Length: $length\r\n$headers\r\n$body");
	return;
}

sub hang
{
	my ($self, $path) = @_;
	write_file(file_of("$self->{dir}", $path), '');
	return;
}

sub requests
{
	my ($self) = @_;
	open(my $file, '<', "$self->{dir}/log") or return;
	chomp(my @lines = <$file>);
	return @lines;
}

sub accept_all
{
	my ($socket, $dir) = @_;
	$SIG{CHLD} = 'IGNORE';
	while (1)
	{
		my $client = $socket->accept or next;
		my $pid = fork();
		if (defined $pid && $pid == 0)
		{
			close $socket;
			# a connection that outlives the test ends by itself
			alarm 300;
			eval { answer($client, $dir) };
			POSIX::_exit(0);
		}
		close $client;
	}
	return;
}

# Serve one connection, request after request.
sub answer
{
	my ($client, $dir) = @_;
	while (defined(my $line = <$client>))
	{
		my (undef, $path) = split / /, $line;
		while (defined(my $header = <$client>)) { last if $header =~ /^\r?\n$/ }
		open(my $log, '>>', "$dir/log") or die;
		syswrite $log, "$path\n";
		close $log;
		my $reply = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
		if (open(my $file, '<:raw', file_of($dir, $path)))
		{
			local $/ = undef;
			$reply = <$file> // '';
		}
		sleep 1000 if $reply eq '';
		print $client $reply;
		$client->flush;
	}
	return;
}

sub stop
{
	my ($self) = @_;
	return if !$self->{pid} || $self->{owner} != $$;
	kill 'TERM', $self->{pid};
	waitpid $self->{pid}, 0;
	$self->{pid} = 0;
	return;
}

END
{
	my $status = $?;
	$_->stop foreach @running;
	$? = $status;
}

1;
