# PgpprofBridge.pm: a running pprof-bridge, and requests to it.
#
#     my $bridge = PgpprofBridge->start($node, '--max-body' => '1MB');
#     my $r = $bridge->rpc('querier.v1.QuerierService/ProfileTypes', {});
#     is($r->{status}, 200);             # also: type, headers, body, json
#     $bridge->push_profiles({ labels => {...}, profiles => [ $bytes ] });
#     is($bridge->stop, 0, 'exits cleanly');
package PgpprofBridge;

use strict;
use warnings FATAL => 'all';
use IPC::Run ();
use JSON::PP ();
use PgpprofNode;
use PostgreSQL::Test::Utils;
use PprofBuilder;

my $json = JSON::PP->new->canonical->allow_nonref;
my $files = 0;

sub start
{
	my ($class, $node, @options) = @_;
	my $port = pgpprof_free_port();
	my $self = bless {
		url => "http://127.0.0.1:$port",
		dir => PostgreSQL::Test::Utils::tempdir(),
		log => "$PostgreSQL::Test::Utils::log_path/bridge-$port.log"
	}, $class;
	$self->{run} = IPC::Run::start(
		[
			pgpprof_bin('pprof-bridge'), '--listen', "127.0.0.1:$port",
			'--dbname', $node->connstr('postgres'), @options
		],
		'>', $self->{log}, '2>&1');
	# it listens before it talks to the database
	for (1 .. 100)
	{
		last if $self->request('/metrics')->{status} == 200;
		select(undef, undef, undef, 0.1);
	}
	return $self;
}

# SIGTERM; returns the exit status.
sub stop
{
	my ($self, $signal) = @_;
	$self->{run}->signal($signal // 'TERM');
	return $self->wait_for_exit;
}

sub wait_for_exit
{
	my ($self) = @_;
	$self->{run}->finish;
	return $self->{run}->full_result(0);
}

sub log_text
{
	my ($self) = @_;
	return slurp_file($self->{log});
}

sub _file
{
	my ($self, $bytes) = @_;
	my $path = "$self->{dir}/" . ++$files;
	open my $fh, '>:raw', $path or die "$path: $!";
	print $fh $bytes;
	close $fh;
	return $path;
}

# The curl command line of a request; body: bytes; headers: list of texts.
sub _command
{
	my ($self, $path, %opts) = @_;
	my @command = ('curl', '-s', '--noproxy', '*', '--max-time', '60');
	push @command, '-X', $opts{method} if $opts{method};
	push @command, '--data-binary', '@' . $self->_file($opts{body}) if defined $opts{body};
	# no type of curl's own
	push @command, '-H', 'Content-Type:' if defined $opts{body};
	push @command, '-H', $_ for @{ $opts{headers} // [] };
	return (@command, @{ $opts{curl} // [] }, $self->{url} . $path);
}

sub _result
{
	my ($head_file, $body_file) = @_;
	my $head = -e $head_file ? slurp_file($head_file) : '';
	# of several blocks (100 Continue) the last counts
	my ($last) = (split /\r\n\r\n/, $head)[-1] // '';
	my ($status) = $last =~ m{^HTTP/\S+ (\d+)};
	my %headers = map { m{^([^:\s]+):\s*(.*)} ? (lc($1), $2) : () } split /\r\n/, $last;
	my $body = -e $body_file ? slurp_file($body_file) : '';
	my $value = eval { $json->decode($body) };
	return {
		status => $status // 0,
		headers => \%headers,
		type => $headers{'content-type'} // '',
		body => $body,
		json => $value
	};
}

sub request
{
	my ($self, $path, %opts) = @_;
	return $self->request_later($path, %opts)->();
}

# Start a request; the result is a function that waits for the answer.
sub request_later
{
	my ($self, $path, %opts) = @_;
	my ($head, $body) = map { "$self->{dir}/" . ++$files } 1 .. 2;
	my $run = IPC::Run::start([ $self->_command($path, %opts, curl => [ '-D', $head, '-o', $body ]) ]);
	return sub {
		$run->finish;
		my $result = _result($head, $body);
		unlink $head, $body;
		return $result;
	};
}

# A Connect call: a hash is sent as JSON, anything else as it is.
sub rpc
{
	my ($self, $rpc, $message, %opts) = @_;
	my $type = $opts{type} // (ref $message || !defined $message ? 'json' : 'proto');
	return $self->request(
		"/$rpc",
		method => 'POST',
		body => ref $message ? $json->encode($message) : $message // '',
		headers => [ "Content-Type: application/$type", @{ $opts{headers} // [] } ]);
}

sub query
{
	my ($self, $rpc, $message, %opts) = @_;
	return $self->rpc("querier.v1.QuerierService/$rpc", $message, %opts);
}

# The bytes of a PushRequest.
sub push_request
{
	my ($self, @series) = @_;
	my $out = '';
	for my $series (@series)
	{
		my $bytes = '';
		$bytes .= proto_bytes(1, proto_bytes(1, $_) . proto_bytes(2, $series->{labels}{$_}))
		  for sort keys %{ $series->{labels} };
		$bytes .= proto_bytes(2, proto_bytes(1, $_)) for @{ $series->{profiles} };
		$out .= proto_bytes(1, $bytes);
	}
	return $out;
}

sub push_profiles
{
	my ($self, @series) = @_;
	return $self->rpc('push.v1.PusherService/Push', $self->push_request(@series));
}

# A multipart body with boundary XX: name => bytes, in pairs.
sub form
{
	my ($self, @parts) = @_;
	my $out = '';
	while (my ($name, $bytes) = splice @parts, 0, 2)
	{
		$out .= "--XX\r\nContent-Disposition: form-data; name=\"$name\"; filename=\"$name.bin\"\r\n"
		  . "Content-Type: application/octet-stream\r\n\r\n$bytes\r\n";
	}
	return "$out--XX--\r\n";
}

1;
