#!/usr/bin/perl
# An SMSC of Net::SMPP, which shares no code with Plafond, one session at a time: smsc.pl PORT PASSWORD
# What it is asked and what it says stand on its output, a line each. What it does with a message is told by the last digit of its number:
#   1  takes it and reports it delivered        2  refuses it: invalid destination
#   3  is too busy for the first part, once     4  hangs up on the first part without an answer, once
#   5  takes it, unbinds after its last part, and reports it delivered over the next session
#   6  takes it and reports that it could not be delivered
use strict;
use warnings;
use Net::SMPP;

my ($port, $password) = @ARGV;
my ($OK, $RINVDSTADR, $RINVPASWD, $RTHROTTLED) = (0, 0x0b, 0x0e, 0x58);
my $server = Net::SMPP->new_listen('127.0.0.1', port => $port) or die "no port: $!";
$| = 1;
print "listening\n";

my ($messages, @late, %seen) = (0);

sub receipt {
    my ($session, $id, $number, $state) = @_;
    my $text = "id:$id sub:001 dlvrd:001 submit date:1003140241 done date:1003140242 stat:$state err:000 text:";
    my @to = (source_addr => $number, destination_addr => '4711', esm_class => 4);
    $session->deliver_sm(@to, short_message => $text, async => 1);
}

sub submitted {
    my ($session, $pdu) = @_;
    my ($number, $digit) = ($pdu->{destination_addr}, substr($pdu->{destination_addr}, -1));
    print "submit $number coding $pdu->{data_coding} class $pdu->{esm_class} receipt $pdu->{registered_delivery}\n";
    my $first = !$seen{$number}++;
    return 0 if $digit == 4 && $first;
    my $status = $digit == 2 ? $RINVDSTADR : $digit == 3 && $first ? $RTHROTTLED : $OK;
    my $id = $status == $OK ? 'm' . ++$messages : '';
    $session->submit_sm_resp(seq => $pdu->{seq}, status => $status, message_id => $id);
    return 1 if $status != $OK;
    push @late, [$id, $number, 'DELIVRD'] if $digit == 5;
    # The user data header of a message in parts ends with how many there are, and which this is.
    my ($parts, $part) = $pdu->{esm_class} & 0x40 ? unpack 'x4CC', $pdu->{short_message} : (1, 1);
    $session->unbind(async => 1) if $digit == 5 && $part == $parts;
    receipt($session, $id, $number, $digit == 6 ? 'UNDELIV' : 'DELIVRD') if $digit != 5;
    return 1;
}

while (1) {
    my $session = $server->accept or next;
    while (my $pdu = $session->read_pdu) {
        my $command = $pdu->explain_cmd;
        if ($command eq 'bind_transceiver') {
            my $status = $pdu->{password} eq $password ? $OK : $RINVPASWD;
            print sprintf "bind %s version %x status %d\n", $pdu->{system_id}, $pdu->{interface_version}, $status;
            $session->bind_transceiver_resp(seq => $pdu->{seq}, status => $status, system_id => 'smsc');
            last if $status != $OK;
            $session->enquire_link(async => 1);
            receipt($session, @$_) for splice @late;
        } elsif ($command eq 'submit_sm') {
            last if !submitted($session, $pdu);
        } elsif ($command eq 'enquire_link') {
            $session->enquire_link_resp(seq => $pdu->{seq});
        } elsif ($command eq 'unbind') {
            $session->unbind_resp(seq => $pdu->{seq});
        } else {
            print "$command status $pdu->{status}\n";
            last if $command eq 'unbind_resp';
        }
    }
    close $session;
}
