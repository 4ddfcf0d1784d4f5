package system

// services are the ports of well-known services, for /etc/services.
const services = `discard 9/tcp
discard 9/udp
ftp-data 20/tcp
ftp 21/tcp
ssh 22/tcp
telnet 23/tcp
smtp 25/tcp mail
time 37/tcp
domain 53/tcp
domain 53/udp
bootps 67/udp
bootpc 68/udp
tftp 69/udp
http 80/tcp www
kerberos 88/tcp
kerberos 88/udp
pop3 110/tcp
sunrpc 111/tcp portmapper
sunrpc 111/udp portmapper
ntp 123/udp
imap2 143/tcp imap
snmp 161/udp
bgp 179/tcp
ldap 389/tcp
https 443/tcp
https 443/udp
isakmp 500/udp
syslog 514/udp
dhcpv6-client 546/udp
dhcpv6-server 547/udp
ldaps 636/tcp
imaps 993/tcp
pop3s 995/tcp
nfs 2049/tcp
nfs 2049/udp
ipsec-nat-t 4500/udp
vxlan 4789/udp
`
