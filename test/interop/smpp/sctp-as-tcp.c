/*
 * Lets osmo-msc start on a kernel without SCTP, for tests of its SMPP. An MSC speaks SCTP with signalling points and with an
 * MME (M3UA, SGsAP); none of them is there, but it ends where it can't open the sockets. Preloaded, this gives it TCP sockets
 * in their place. SMPP is TCP anyway and is not touched.
 *
 *   cc -shared -fPIC -o sctp-as-tcp.so sctp-as-tcp.c
 *   LD_PRELOAD=./sctp-as-tcp.so osmo-msc -c osmo-msc.cfg
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

typedef int (*socket_function)(int, int, int);
typedef int (*setsockopt_function)(int, int, int, const void *, socklen_t);

int socket(int domain, int type, int protocol)
{
	socket_function real = (socket_function)dlsym(RTLD_NEXT, "socket");
	if (protocol != IPPROTO_SCTP)
		return real(domain, type, protocol);
	int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
	return real(domain, SOCK_STREAM | flags, IPPROTO_TCP);
}

/* What SCTP alone can be told is taken as said. */
int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	setsockopt_function real = (setsockopt_function)dlsym(RTLD_NEXT, "setsockopt");
	return level == IPPROTO_SCTP ? 0 : real(fd, level, name, value, length);
}

/* SCTP binds to many addresses at once; the first of them does. */
int sctp_bindx(int fd, struct sockaddr *addresses, int count, int flags)
{
	(void)count, (void)flags;
	int v4 = addresses->sa_family == AF_INET;
	return bind(fd, addresses, v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
}
