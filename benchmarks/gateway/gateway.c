/* A gateway that costs next to nothing, so that a benchmark measures the sender and not the receiver.

   gateway PORT LATENCY_MS IN_FLIGHT    listens on 127.0.0.1, prints "ready", goes on until it is killed

   POST …/Messages.json   Twilio's create message: 201 and an id, LATENCY_MS later; 429 at once while
                          IN_FLIGHT requests are under way (0: no limit)
   GET /send?to=…         the same for Kannel, which wants a 200
   SMPP 3.4               on the same port, told by its first byte: bind, submit_sm (an id, LATENCY_MS later; "throttled"
                          while IN_FLIGHT are under way), enquire_link, unbind; no receipts
   GET /_stats            accepted, distinct numbers, throttled, most under way, first and last (Unix time)
*/
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { FDS = 8192, REQUEST = 16384, SEEN = 1 << 23 };

struct connection {
    char in[REQUEST];
    int length;          /* bytes in `in` */
    int closes;          /* asked for by the request under way */
    unsigned generation; /* of the descriptor: an answer never goes to a later connection */
    int busy;            /* an answer is owed over HTTP */
    char kind;           /* 'T' Twilio, 'K' Kannel */
};

struct waiting { int fd; unsigned generation; int64_t due; uint32_t sequence; /* of SMPP, 0 of HTTP */ };

static struct connection *connections[FDS];
static unsigned generations[FDS];
static struct waiting queue[FDS];
static unsigned head, tail; /* every wait is as long, so the first in is the first due */
static uint64_t *seen;      /* hashes of the numbers */
static int64_t first, last, latency_ns;
static long accepted, distinct_numbers, throttled, most, under_way, limit;
static int poller, timer;

static int64_t now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void drop(int fd) {
    if (connections[fd]->busy) under_way--;
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

static void answer(int fd, const char *status, const char *type, const char *body, int size) {
    static char out[1 << 21];
    int n = snprintf(out, 256, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n", status, type,
                     size, connections[fd]->closes ? "Connection: close\r\n" : "");
    memcpy(out + n, body, size);
    for (int done = 0; done < n + size;) {
        ssize_t wrote = send(fd, out + done, n + size - done, MSG_NOSIGNAL);
        if (wrote < 0 && errno == EAGAIN) continue;
        if (wrote <= 0) return;
        done += wrote;
    }
}

static void accept_message(int fd) {
    static const char form[] =
        "{\"account_sid\":\"AC00000000000000000000000000000000\",\"api_version\":\"2010-04-01\",\"body\":\"\","
        "\"date_created\":\"Thu, 20 Aug 2020 07:00:00 +0000\",\"date_sent\":null,"
        "\"date_updated\":\"Thu, 20 Aug 2020 07:00:00 +0000\",\"direction\":\"outbound-api\","
        "\"error_code\":null,\"error_message\":null,\"from\":\"LOA\",\"messaging_service_sid\":null,"
        "\"num_media\":\"0\",\"num_segments\":\"1\",\"price\":null,\"price_unit\":\"USD\",\"sid\":\"SM%032lx\","
        "\"status\":\"queued\",\"subresource_uris\":{},\"to\":\"\","
        "\"uri\":\"/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages/SM%032lx.json\"}";
    char body[1024];
    static long number;
    number++;
    int n = snprintf(body, sizeof body, form, number, number);
    answer(fd, connections[fd]->kind == 'K' ? "200 OK" : "201 Created", "application/json", body, n);
}

static void remember(const char *to, const char *end) {
    uint64_t hash = 14695981039346656037ULL;
    for (; to < end && *to && *to != '&' && *to != ' '; to++)
        hash = (hash ^ (unsigned char)*to) * 1099511628211ULL;
    for (uint64_t i = hash;; i++) {
        uint64_t *place = &seen[i & (SEEN - 1)];
        if (*place == hash) return;
        if (*place == 0) { *place = hash; distinct_numbers++; return; }
    }
}

static const char *number_in(const char *form, const char *end) {
    for (const char *p = form; p + 3 < end; p++)
        if ((p == form || p[-1] == '&' || p[-1] == '?') && strncasecmp(p, "to=", 3) == 0) return p + 3;
    return end;
}

static void count(const char *to, const char *end) {
    last = now(CLOCK_REALTIME);
    if (!first) first = last;
    accepted++;
    if (to < end && distinct_numbers < SEEN / 2) remember(to, end);
}

static void tell(int fd) {
    static char body[256];
    int n = snprintf(body, sizeof body,
                     "{\"accepted\": %ld, \"distinct\": %ld, \"throttled\": %ld, \"most\": %ld, "
                     "\"first\": %.6f, \"last\": %.6f}\n",
                     accepted, distinct_numbers, throttled, most, first / 1e9, last / 1e9);
    answer(fd, "200 OK", "text/plain", body, n);
}

static void handle(int fd, const char *text, int size) {
    struct connection *c = connections[fd];
    const char *end = text + size;
    if (strncmp(text, "GET /_", 6) == 0) {
        tell(fd);
        return;
    }
    c->kind = strncmp(text, "GET /send?", 10) == 0 ? 'K' : strncmp(text, "POST ", 5) == 0 ? 'T' : 0;
    if (!c->kind) {
        answer(fd, "404 Not Found", "application/json", "{}", 2);
        return;
    }
    if (limit && under_way >= limit) {
        static const char refused[] = "{\"code\":20429,\"message\":\"Too Many Requests\",\"status\":429}";
        throttled++;
        answer(fd, "429 Too Many Requests", "application/json", refused, sizeof refused - 1);
        return;
    }
    const char *form = c->kind == 'K' ? text + 10 : memmem(text, size, "\r\n\r\n", 4) + 4;
    count(number_in(form, end), end);
    if (++under_way > most) most = under_way;
    if (!latency_ns) {
        under_way--;
        accept_message(fd);
        return;
    }
    c->busy = 1;
    queue[tail++ % FDS] = (struct waiting){fd, c->generation, now(CLOCK_MONOTONIC) + latency_ns, 0};
}

/* -- SMPP: answers are gathered and written once for all that came together */

enum { BIND_RECEIVER = 1, BIND_TRANSMITTER = 2, SUBMIT = 4, UNBIND = 6, BIND_TRANSCEIVER = 9, ENQUIRE = 0x15,
       THROTTLED = 0x58, INVALID_COMMAND = 3 };
static char pdus[REQUEST * 4];
static int pdus_length;

static void write_pdus(int fd) {
    for (int done = 0; done < pdus_length;) {
        ssize_t wrote = send(fd, pdus + done, pdus_length - done, MSG_NOSIGNAL);
        if (wrote < 0 && errno == EAGAIN) continue;
        if (wrote <= 0) break;
        done += wrote;
    }
    pdus_length = 0;
}

static void add_pdu(int fd, uint32_t command, uint32_t status, uint32_t sequence, const char *body) {
    int size = body ? strlen(body) + 1 : 0;
    uint32_t head[] = {htonl(16 + size), htonl(command | 0x80000000), htonl(status), htonl(sequence)};
    if (pdus_length + 64 > (int)sizeof pdus) write_pdus(fd);
    memcpy(pdus + pdus_length, head, 16);
    if (body) memcpy(pdus + pdus_length + 16, body, size);
    pdus_length += 16 + size;
}

static void accept_submit(int fd, uint32_t sequence) {
    static long number;
    char id[24];
    snprintf(id, sizeof id, "%08lx", ++number);
    add_pdu(fd, SUBMIT, 0, sequence, id);
}

static void handle_submit(int fd, const char *body, const char *end, uint32_t sequence) {
    if (limit && under_way >= limit) {
        throttled++;
        add_pdu(fd, SUBMIT, THROTTLED, sequence, NULL);
        return;
    }
    const char *p = body + strnlen(body, end - body) + 3; /* service type, type and plan of the sender */
    if (p < end) p += strnlen(p, end - p) + 3;            /* sender, type and plan of the number */
    count(p, end);
    if (++under_way > most) most = under_way;
    if (!latency_ns) {
        under_way--;
        accept_submit(fd, sequence);
        return;
    }
    queue[tail++ % FDS] =
        (struct waiting){fd, connections[fd]->generation, now(CLOCK_MONOTONIC) + latency_ns, sequence};
}

static void advance_smpp(int fd) {
    struct connection *c = connections[fd];
    int at = 0;
    while (c->length - at >= 16) {
        uint32_t head[4];
        memcpy(head, c->in + at, 16);
        int size = ntohl(head[0]);
        uint32_t command = ntohl(head[1]), sequence = ntohl(head[3]);
        if (size < 16 || size > REQUEST) { drop(fd); return; }
        if (c->length - at < size) break;
        if (command == SUBMIT) handle_submit(fd, c->in + at + 16, c->in + at + size, sequence);
        else if (command == BIND_RECEIVER || command == BIND_TRANSMITTER || command == BIND_TRANSCEIVER)
            add_pdu(fd, command, 0, sequence, "bench");
        else if (command == ENQUIRE || command == UNBIND) add_pdu(fd, command, 0, sequence, NULL);
        else if (!(command & 0x80000000)) add_pdu(fd, 0, INVALID_COMMAND, sequence, NULL);
        at += size;
    }
    memmove(c->in, c->in + at, c->length -= at);
    write_pdus(fd);
}

/* -- */

/* The size of the first whole request in the buffer, 0 while it is not all there. */
static int whole(struct connection *c) {
    char *head_end = memmem(c->in, c->length, "\r\n\r\n", 4);
    if (!head_end) return 0;
    int size = head_end + 4 - c->in;
    c->closes = 0;
    for (char *line = memchr(c->in, '\n', size); line && line < head_end; line = memchr(line, '\n', head_end - line)) {
        line++;
        if (strncasecmp(line, "content-length:", 15) == 0) size += atoi(line + 15);
        if (strncasecmp(line, "connection: close", 17) == 0) c->closes = 1;
    }
    return size <= c->length ? size : 0;
}

static void advance(int fd) {
    struct connection *c = connections[fd];
    int size;
    while (c && !c->busy && (size = whole(c))) {
        handle(fd, c->in, size);
        memmove(c->in, c->in + size, c->length -= size);
        if (c->closes && !c->busy) { drop(fd); return; }
    }
    if (c && c->length == REQUEST) drop(fd);
}

static void take(int fd) {
    struct connection *c = connections[fd];
    ssize_t got = recv(fd, c->in + c->length, REQUEST - c->length, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) drop(fd);
        return;
    }
    c->length += got;
    if (c->in[0] == 0) advance_smpp(fd); /* the first byte of a length; HTTP begins with a letter */
    else advance(fd);
}

static void settle_due(void) {
    uint64_t ticks;
    if (read(timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN) perror("timer");
    int64_t moment = now(CLOCK_MONOTONIC);
    while (head != tail && queue[head % FDS].due <= moment) {
        struct waiting *w = &queue[head++ % FDS];
        struct connection *c = connections[w->fd];
        if (w->sequence) under_way--;
        if (!c || c->generation != w->generation) continue;
        if (w->sequence) {
            accept_submit(w->fd, w->sequence);
            struct waiting *next = &queue[head % FDS];
            if (head == tail || next->fd != w->fd || next->generation != w->generation || next->due > moment)
                write_pdus(w->fd);
            continue;
        }
        c->busy = 0;
        under_way--;
        accept_message(w->fd);
        if (c->closes) drop(w->fd); else advance(w->fd);
    }
}

static void set_timer(void) {
    static int64_t set;
    int64_t due = head != tail ? queue[head % FDS].due : 0;
    if (due == set) return;
    set = due;
    struct itimerspec at = {.it_value = {due / 1000000000, due % 1000000000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void welcome(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= FDS) { close(fd); continue; }
        connections[fd] = calloc(1, sizeof *connections[fd]);
        connections[fd]->generation = ++generations[fd];
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) { fputs("gateway PORT LATENCY_MS IN_FLIGHT\n", stderr); return 2; }
    latency_ns = atol(argv[2]) * 1000000LL;
    limit = atol(argv[3]);
    seen = calloc(SEEN, sizeof *seen);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("gateway");
        return 1;
    }
    poller = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    int watched[] = {listener, timer};
    for (int i = 0; i < 2; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.fd = watched[i]};
        epoll_ctl(poller, EPOLL_CTL_ADD, watched[i], &e);
    }
    puts("ready");
    fflush(stdout);
    struct epoll_event events[256];
    for (;;) {
        int n = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) welcome(fd);
            else if (fd == timer) settle_due();
            else if (connections[fd]) take(fd);
        }
        set_timer();
    }
}
