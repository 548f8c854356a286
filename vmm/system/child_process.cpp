#include "system/child_process.hpp"

#include "system/failure.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace twofold::vmm {

namespace {

/// From here to exec the child allocates nothing and leaves by _exit.
struct Child {
    Invocation const& invocation;
    Signals const& signals;
    std::vector<char*> const& arguments;
    int error_pipe;
    pid_t parent;

    [[noreturn]] void run() const {
        setsid();
        leave_network();
        // After the change of credentials above, which would clear it.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(exit_failure);
        connect_standard_files();
        for (int const descriptor : invocation.inherited)
            fcntl(descriptor, F_SETFD, 0);
        signals.restore();
        execvp(arguments.front(), arguments.data());
        report_and_exit();
    }

    void leave_network() const {
        if (!invocation.without_network) return;
        if (unshare(CLONE_NEWNET) != 0) unshare(CLONE_NEWUSER | CLONE_NEWNET);
    }
    void connect_standard_files() const {
        int const nothing = open("/dev/null", O_RDONLY);
        if (dup2(nothing, STDIN_FILENO) < 0 || dup2(invocation.output, STDOUT_FILENO) < 0 ||
            dup2(invocation.output, STDERR_FILENO) < 0)
            report_and_exit();
    }
    [[noreturn]] void report_and_exit() const {
        int const error = errno;
        (void)!write(error_pipe, &error, sizeof error);
        _exit(exit_failure);
    }
};

/// What kept the child from exec: an errno value, or 0.
int exec_error(Pipe& pipe) {
    pipe.write_end.reset();
    fcntl(pipe.read_end.get(), F_SETFL, 0);
    int error = 0;
    auto const got = read(pipe.read_end.get(), &error, sizeof error);
    return got == sizeof error ? error : 0;
}

} // namespace

ChildProcess::ChildProcess(Invocation const& invocation, Signals const& signals) {
    std::vector<char*> arguments;
    for (auto const& argument : invocation.command)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);

    Pipe error_pipe = Pipe::make();
    pid_t const parent = getpid();
    pid_ = fork();
    if (pid_ < 0) throw SystemFailure{"can't start a process", errno};
    if (pid_ == 0) Child{invocation, signals, arguments, error_pipe.write_end.get(), parent}.run();

    if (int const error = exec_error(error_pipe)) {
        wait();
        throw SystemFailure{fmt::format("can't run {}", invocation.command.front()), error};
    }
    ended_ = FileDescriptor{static_cast<int>(syscall(SYS_pidfd_open, pid_, 0))};
    if (!ended_.open()) {
        int const error = errno;
        kill();
        wait();
        throw SystemFailure{"can't watch a process", error};
    }
}

ChildProcess::~ChildProcess() {
    kill();
    wait();
}

/// The child's process group has its number, since it leads a session.
void ChildProcess::kill() {
    if (!status_) ::kill(-pid_, SIGKILL);
}

int ChildProcess::wait() {
    while (!status_) {
        // Until it is waited for for good, its number belongs to nobody else.
        siginfo_t ended{};
        if (waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR)
            continue;
        kill();
        int status = 0;
        bool const known = waitpid(pid_, &status, 0) == pid_;
        if (!known) {
            status_ = exit_failure;
        } else {
            status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
    }
    return *status_;
}

} // namespace twofold::vmm
