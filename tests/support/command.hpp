// Runs a program as a shell would, with standard output and standard error apart.
#pragma once

#include "tests/support/temporary_directory.hpp"

#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace twofold::test {

struct CommandResult {
    /// The exit status, or 128 + the number of the signal.
    int status;
    std::string out;
    std::string err;
};

struct Command {
    std::vector<std::string> words;
    /// Added to the environment, or taken out of it where the value is empty.
    std::map<std::string, std::string> environment = {};
    /// A file that standard output goes to instead of CommandResult::out.
    std::string output_file = {};
};

/// A program that runs beside the test. It is killed at the end.
class BackgroundCommand {
  public:
    explicit BackgroundCommand(Command const& command)
        : out_(command.output_file.empty() ? directory_.file("out").string()
                                           : command.output_file) {
        int executed[2];
        if (pipe2(executed, O_CLOEXEC) != 0) throw std::runtime_error{"can't make a pipe"};
        pid_ = fork();
        if (pid_ == 0) become(command);
        // The other end closes with exec: until then a signal would meet the test's own handlers.
        close(executed[1]);
        char none = 0;
        (void)!read(executed[0], &none, 1);
        close(executed[0]);
    }
    ~BackgroundCommand() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    BackgroundCommand(BackgroundCommand const&) = delete;
    BackgroundCommand& operator=(BackgroundCommand const&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] std::string out() const { return contents_of(out_); }

    CommandResult wait() {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                out_ == directory_.file("out") ? out() : std::string{},
                contents_of(directory_.file("err"))};
    }

  private:
    [[noreturn]] void become(Command const& command) const {
        for (auto const& [name, value] : command.environment) {
            if (value.empty()) {
                unsetenv(name.c_str());
            } else {
                setenv(name.c_str(), value.c_str(), 1);
            }
        }
        std::vector<char*> arguments;
        arguments.reserve(command.words.size() + 1);
        for (auto const& word : command.words)
            arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
        dup2(open(out_.c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
        dup2(open(directory_.file("err").c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
        execvp(arguments.front(), arguments.data());
        _exit(127);
    }

    TemporaryDirectory directory_;
    std::filesystem::path out_;
    pid_t pid_ = -1;
};

inline CommandResult run_command(Command const& command) {
    return BackgroundCommand{command}.wait();
}

} // namespace twofold::test
