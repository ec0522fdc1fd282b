/* SPDX-License-Identifier: Apache-2.0 */
#include "tty.h"

#include <errno.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

int sb_tty_signals(sigset_t *before, struct sb_err *err)
{
    static const int caught[] = {SIGWINCH, SIGHUP, SIGTERM, SIGINT, SIGCONT, SIGTSTP}; /* Ctrl-Z comes as a key */
    sigset_t ours;
    sigemptyset(&ours);
    for (size_t i = 0; i < SB_COUNT(caught); i++)
        sigaddset(&ours, caught[i]);
    pthread_sigmask(SIG_BLOCK, &ours, before);
    int fd = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? sb_fail_errno(err, errno, "cannot listen to signals") : fd;
}

bool sb_tty_read_keys(struct sb_backend *b, struct sb_input *in)
{
    char bytes[512];
    ssize_t n = read(sb_backend_fd(b), bytes, sizeof bytes);
    if (n > 0)
        sb_input_feed(in, bytes, (size_t)n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

bool sb_tty_read_signals(struct sb_backend *b, int signals, bool *leaves)
{
    struct signalfd_siginfo info;
    bool any = false;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        *leaves |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT || info.ssi_signo == SIGHUP;
        if (info.ssi_signo == SIGCONT)
            sb_backend_enter(b); /* somebody stopped us: the modes may be gone */
        any = true;              /* SIGWINCH: every frame asks for the size */
    }
    return any;
}

int sb_tty_fit(struct sb_backend *b, struct sb_cells *cells, struct sb_err *err)
{
    int w, h;
    sb_backend_size(b, &w, &h);
    return cells->w != w || cells->h != h ? sb_cells_resize(cells, w, h, err) : 0;
}
