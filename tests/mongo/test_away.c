/* SPDX-License-Identifier: Apache-2.0
 *
 * Why no server was found: what the driver says of the hosts, in one sentence, and whether waiting may mend it. */
#include "test.h"

#include <signalbox/base/compiler.h>
#include <signalbox/mongo/away.h>

#include <string.h>

#define HEAD "No suitable servers found: `serverSelectionTimeoutMS` expired: "
#define VERIFY "TLS handshake failed: certificate verify failed "

static void what_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        bool tls, certificate, away;
        const char *says;
    } tries[] = {
        {HEAD "[" VERIFY "(10): certificate has expired] [" VERIFY "(10): certificate has expired]", true, false, false,
         "the server's certificate is refused: certificate has expired; renew it on the server, or look at this host's clock"},
        {HEAD "[" VERIFY "(64): IP address mismatch]", true, false, false,
         "the server's certificate is refused: IP address mismatch; name the host in the connection string as the certificate does"},
        {HEAD "[" VERIFY "(77): something new]", true, false, false, "the server's certificate is refused: something new; look at the certificate with openssl s_client"},
        {HEAD "[TLS handshake failed: Connection timed out]", true, false, true,
         "TLS handshake failed: Connection timed out: does this server speak TLS? The connection string wants it (tls=true)"},
        {HEAD "[connection closed calling hello on 'a:1'] [connection closed calling hello on 'b:2']", true, false, true,
         "out of reach (connection closed), or the server ends the connection behind the TLS handshake: it may want a certificate of the client's (tlsCertificateKeyFile)"},
        {HEAD "[connection refused calling hello on 'a:1']", true, true, true,
         "out of reach (connection refused), or the server ends the connection behind the TLS handshake: it may refuse the client's certificate (tlsCertificateKeyFile)"},
        {HEAD "[connection refused calling hello on 'a:1'] [connection closed calling hello on 'b:2']", true, true, true,
         "out of reach (connection closed), or the server ends the connection behind the TLS handshake: it may refuse the client's certificate (tlsCertificateKeyFile)"},
        {HEAD "[Failed to write rpc bytes. calling hello on 'a:1'] [connection refused calling hello on 'b:2'] [connection closed calling hello on 'c:3']", true, false, true,
         "out of reach (connection closed), or the server ends the connection behind the TLS handshake: it may want a certificate of the client's (tlsCertificateKeyFile)"},
        {HEAD "[connection closed calling hello on 'a:1'] [connection timeout calling hello on 'b:2']", true, false, true,
         "out of reach, or no MongoDB server: [connection closed calling hello on 'a:1'] [connection timeout calling hello on 'b:2']"},
        {HEAD "[connection closed calling hello on 'a:1']", false, false, true,
         "out of reach, or no MongoDB server: [connection closed]; it may want TLS (tls=true in the connection string)"},
        {HEAD "[connection refused calling hello on 'a:1'] [connection refused calling hello on 'b:2']", false, false, true,
         "out of reach, or no MongoDB server: [connection refused]"},
        {HEAD "[connection refused calling hello on 'a:1'] [connection timeout calling hello on 'b:2']", false, false, true,
         "out of reach, or no MongoDB server: [connection refused calling hello on 'a:1'] [connection timeout calling hello on 'b:2']"},
        {"no brackets at all", false, false, true, "out of reach, or no MongoDB server: no brackets at all"},
        {"[", false, false, true, "out of reach, or no MongoDB server: []"},
        {"", true, true, true, "out of reach, or no MongoDB server: "},
    };
    for (size_t i = 0; i < SB_COUNT(tries); i++) {
        char out[900];
        assert_int_equal(sb_away_sentence(out, sizeof out, tries[i].message, tries[i].tls, tries[i].certificate), tries[i].away);
        assert_string_equal(out, tries[i].says);
        char small[8];
        sb_away_sentence(small, sizeof small, tries[i].message, tries[i].tls, tries[i].certificate);
        assert_int_equal(strlen(small), sizeof small - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
