/* Asks llhttp and picohttpparser for what they make of an input, for tests/strictness/rivals.rs.
 *
 * A line of standard input is a question: what (`request`, `response`, `chunks`), llhttp's lenient
 * flags, whether the connection then ends, bytes a call (0: all), and the input in hexadecimal.
 * The answer is a line: the numbers of llhttp, then its last value, its trailers' names (each with a
 * line feed behind) and its body in hexadecimal, then picohttpparser's number and what it hands out.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llhttp.h"
#include "picohttpparser.h"

enum { SIZE = 1 << 18 };

struct text {
    size_t len;
    char bytes[SIZE];
};

static struct text value, names, body;
static int headers, complete, keep, upgrade, chunked, has_length, has_coding, needs_eof;
static uint64_t length;

static int add(struct text *text, const char *bytes, size_t len) {
    if (text->len + len <= SIZE) {
        memcpy(text->bytes + text->len, bytes, len);
        text->len += len;
    }
    return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t n) { return add(&value, at, n); }
static int on_body(llhttp_t *p, const char *at, size_t n) { return add(&body, at, n); }

static int on_name(llhttp_t *p, const char *at, size_t n) {
    value.len = 0;
    return headers ? add(&names, at, n) : 0;
}

static int on_name_end(llhttp_t *p) { return headers ? add(&names, "\n", 1) : 0; }

static int on_headers(llhttp_t *p) {
    headers = 1;
    upgrade = p->upgrade;
    chunked = (p->flags & F_CHUNKED) != 0;
    has_length = (p->flags & F_CONTENT_LENGTH) != 0;
    has_coding = (p->flags & F_TRANSFER_ENCODING) != 0;
    length = p->content_length;
    needs_eof = llhttp_message_needs_eof(p);
    return 0;
}

static int on_message(llhttp_t *p) {
    complete++;
    keep = llhttp_should_keep_alive(p);
    return 0;
}

static void put(const char *bytes, size_t len) {
    putchar(' ');
    if (len == 0) putchar('-');
    for (size_t i = 0; i < len; i++) printf("%02x", (unsigned char)bytes[i]);
}

static void ask_llhttp(int response, unsigned flags, int ends, size_t step, const char *in, size_t n) {
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_header_value = on_value;
    settings.on_header_field = on_name;
    settings.on_header_field_complete = on_name_end;
    settings.on_headers_complete = on_headers;
    settings.on_message_complete = on_message;
    settings.on_body = on_body;
    value.len = names.len = body.len = 0;
    headers = complete = keep = upgrade = chunked = has_length = has_coding = needs_eof = 0;
    length = 0;
    llhttp_t parser;
    llhttp_init(&parser, response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
    parser.lenient_flags = flags;
    int error = 0, at_end = 0;
    for (size_t at = 0; at < n && !error; at += step) {
        error = llhttp_execute(&parser, in + at, n - at < step ? n - at : step);
    }
    if (ends && !error) at_end = llhttp_finish(&parser);
    printf("%d %d %d %d %d %d %d %d %d %d %llu", error, headers, complete, keep, upgrade, chunked,
           has_length, has_coding, needs_eof, at_end, (unsigned long long)length);
    put(value.bytes, value.len);
    put(names.bytes, names.len);
    put(body.bytes, body.len);
}

static void ask_pico(const char *what, const char *in, size_t n) {
    struct phr_header fields[128];
    size_t count = 128, len = n, other;
    const char *a, *b;
    int minor, status;
    long result;
    if (strcmp(what, "chunks") == 0) {
        static char text[SIZE];
        struct phr_chunked_decoder decoder = {.consume_trailer = 1};
        memcpy(text, in, n);
        result = phr_decode_chunked(&decoder, text, &len);
        printf(" %ld", result);
        put(text, result == -1 ? 0 : len);
        return;
    }
    if (strcmp(what, "response") == 0)
        result = phr_parse_response(in, n, &minor, &status, &a, &len, fields, &count, 0);
    else
        result = phr_parse_request(in, n, &a, &len, &b, &other, &minor, fields, &count, 0);
    printf(" %ld", result);
    int has_fields = result > 0 && count > 0;
    put(has_fields ? fields[count - 1].value : "", has_fields ? fields[count - 1].value_len : 0);
}

int main(void) {
    static char line[2 * SIZE + 64], in[SIZE];
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    while (fgets(line, sizeof line, stdin)) {
        char what[16], hex[3] = {0};
        unsigned flags;
        int ends, start;
        size_t step, n = 0;
        if (sscanf(line, "%15s %u %d %zu %n", what, &flags, &ends, &step, &start) != 4) return 1;
        int chunks = strcmp(what, "chunks") == 0;
        if (chunks) memcpy(in, head, n = sizeof head - 1);
        for (char *at = line + start; at[0] > ' ' && n < SIZE; at += 2) {
            memcpy(hex, at, 2);
            in[n++] = (char)strtoul(hex, NULL, 16);
        }
        size_t before = chunks ? sizeof head - 1 : 0;
        ask_llhttp(strcmp(what, "response") == 0, flags, ends, step ? step : n, in, n);
        ask_pico(what, in + before, n - before);
        putchar('\n');
        fflush(stdout);
    }
    return 0;
}
