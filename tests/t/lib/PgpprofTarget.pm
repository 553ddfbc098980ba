# PgpprofTarget.pm: a small HTTP server that plays a program to be scraped.
#
#     my $target = PgpprofTarget->start;
#     $target->serve_profile('/debug/pprof/allocs', pgpprof_data('pprof/go/x.pb.gz'));
#     $target->serve('/debug/pprof/heap', 'text', status => 500, type => 'text/html');
#     $target->hang('/debug/pprof/block');       # accepts and never answers
#     $target->address                           # 127.0.0.1:port
#     $target->requests                          # request targets so far
#
# What is served can change at any time: each path is a file, read per request.
# A process answers each connection; the server ends with the test.
package PgpprofTarget;

use strict;
use warnings FATAL => 'all';
use Compress::Zlib ();
use File::Temp;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes ();

my @running;

sub start
{
	my ($class) = @_;
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 128, ReuseAddr => 1)
	  or die "no server socket: $!";
	my $self = bless {
		dir => File::Temp->newdir,
		port => $socket->sockport,
		owner => $$,
	}, $class;
	my $pid = fork() // die "could not fork: $!";
	if ($pid == 0)
	{
		# a group of its own, so that stop() reaches those who answer, too
		POSIX::setpgid(0, 0);
		$SIG{TERM} = sub { POSIX::_exit(0) };
		eval { accept_all($socket, "$self->{dir}") };
		POSIX::_exit(1);
	}
	POSIX::setpgid($pid, $pid);    # whoever of the two is first
	close $socket;
	$self->{pid} = $pid;
	push @running, $self;
	return $self;
}

sub address
{
	my ($self) = @_;
	return "127.0.0.1:$self->{port}";
}

# Answer requests for a path, whatever their query, with this.  Options: status,
# type, headers (text with line ends).
sub serve
{
	my ($self, $path, $body, %opts) = @_;
	my $status = $opts{status} // 200;
	my $type = $opts{type} // 'application/octet-stream';
	my $headers = $opts{headers} // '';
	my $length = length $body;
	write_file(file_of("$self->{dir}", $path),
		"HTTP/1.1 $status Because\r\nContent-Type: $type\r\nContent-Length: $length\r\n$headers\r\n$body");
	return;
}

# Answer with a profile (a file, or a reference to its bytes) as it would come
# out of a program that runs now: with the time of the request.
sub serve_profile
{
	my ($self, $path, $profile) = @_;
	my $bytes = ref $profile ? $$profile : read_file($profile);
	$bytes = Compress::Zlib::memGunzip($bytes) // die "not gzip" if $bytes =~ /^\x1f\x8b/;
	write_file(file_of("$self->{dir}", $path), "NOW\n" . without_time($bytes));
	return;
}

sub hang
{
	my ($self, $path) = @_;
	write_file(file_of("$self->{dir}", $path), 'HANG');
	return;
}

# Request targets in order; with a pattern, those that match.
sub requests
{
	my ($self, $pattern) = @_;
	return if !-e "$self->{dir}/log";
	my @lines = split /\n/, read_file("$self->{dir}/log");
	return defined $pattern ? grep { /$pattern/ } @lines : @lines;
}

sub stop
{
	my ($self) = @_;
	return if !$self->{pid} || $self->{owner} != $$;
	kill '-TERM', $self->{pid};
	waitpid $self->{pid}, 0;
	$self->{pid} = 0;
	return;
}

# -- of the server ------------------------------------------------------------

sub file_of
{
	my ($dir, $path) = @_;
	$path =~ s/\?.*//;
	$path =~ s/[^A-Za-z0-9]/_/g;
	return "$dir/path$path";
}

sub read_file
{
	my ($name) = @_;
	open(my $file, '<:raw', $name) or die "$name: $!";
	local $/ = undef;
	return <$file> // '';
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
			alarm 600;
			eval { answer_all($client, $dir) };
			POSIX::_exit(0);
		}
		close $client;
	}
	return;
}

# Serve one connection, request after request.
sub answer_all
{
	my ($client, $dir) = @_;
	while (defined(my $line = <$client>))
	{
		my (undef, $path) = split / /, $line;
		while (defined(my $header = <$client>))
		{
			last if $header =~ /^\r?\n$/;
		}
		open(my $log, '>>', "$dir/log") or die;
		syswrite $log, "$path\n";
		close $log;
		print $client answer(file_of($dir, $path));
		$client->flush;
	}
	return;
}

sub answer
{
	my ($name) = @_;
	return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" if !-e $name;
	my $answer = read_file($name);
	sleep 1000 if $answer eq 'HANG';
	return $answer if $answer !~ s/^NOW\n//;
	my $body = Compress::Zlib::memGzip(
		$answer . "\x48" . varint(int(Time::HiRes::time() * 1000) * 1_000_000));
	my $length = length $body;
	return "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: $length\r\n\r\n$body";
}

# A profile.proto message without its field 9, time_nanos.
sub without_time
{
	my ($bytes) = @_;
	my $kept = '';
	while (length $bytes)
	{
		# a key, then a varint (wire type 0) or a length and so many bytes (2)
		$bytes =~ /\G([\x80-\xff]*[\x00-\x7f])([\x80-\xff]*[\x00-\x7f])/ or die 'not a profile';
		my ($key, $number) = ($1, $2);
		my $length = length($key) + length $number;
		$length += number_of($number) if (ord($key) & 7) == 2;
		my $field = substr $bytes, 0, $length, '';
		$kept .= $field if $key ne "\x48";
	}
	return $kept;
}

sub number_of
{
	my ($varint) = @_;
	my $n = 0;
	$n = $n << 7 | ord($_) & 127 foreach reverse split //, $varint;
	return $n;
}

sub varint
{
	my ($n) = @_;
	my $bytes = '';
	while ($n > 127)
	{
		$bytes .= chr($n & 127 | 128);
		$n >>= 7;
	}
	return $bytes . chr $n;
}

END
{
	my $status = $?;
	$_->stop foreach @running;
	$? = $status;
}

1;
