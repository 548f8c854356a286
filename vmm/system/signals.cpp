#include "system/signals.hpp"

#include "system/failure.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

namespace twofold::vmm {

namespace {

bool ignored(int number) {
    struct sigaction action {};
    sigaction(number, nullptr, &action);
    return action.sa_handler == SIG_IGN;
}

} // namespace

Signals::Signals() {
    sigset_t handled;
    sigemptyset(&handled);
    for (int const number : {SIGINT, SIGTERM, SIGHUP}) {
        // As nohup wants: what was ignored from the start stays ignored.
        if (!ignored(number)) sigaddset(&handled, number);
    }
    sigprocmask(SIG_BLOCK, &handled, &before_);
    // Writing then fails, and says so.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    waiting_ = FileDescriptor{signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (!waiting_.open()) throw SystemFailure{"can't set up signals", errno};
}

Signals::~Signals() { restore(); }

void Signals::check() const {
    signalfd_siginfo information{};
    if (read(waiting_.get(), &information, sizeof information) == sizeof information)
        throw Interrupted{static_cast<int>(information.ssi_signo)};
}

void Signals::restore() const {
    std::signal(SIGPIPE, SIG_DFL);
    std::signal(SIGXFSZ, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
}

} // namespace twofold::vmm
