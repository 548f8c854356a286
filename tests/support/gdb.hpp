// Debian's gdb, told what to do.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

namespace twofold::test {

/// A gdb that executes `commands`, writes to `output`, and is waited for.
class Gdb {
  public:
    Gdb(std::string const& address, std::vector<std::string> const& commands,
        std::string const& output) {
        std::vector<std::string> words{"gdb",
                                       "-nx",
                                       "-batch",
                                       "-ex",
                                       "set tcp connect-timeout 20",
                                       "-ex",
                                       "target remote " + address};
        for (std::string const& command : commands) {
            words.emplace_back("-ex");
            words.push_back(command);
        }
        std::vector<char*> arguments;
        arguments.reserve(words.size() + 1);
        for (std::string& word : words)
            arguments.push_back(word.data());
        arguments.push_back(nullptr);
        posix_spawn_file_actions_t files;
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT, 0600);
        posix_spawn_file_actions_adddup2(&files, 1, 2);
        spawned_ = posix_spawnp(&process_, "gdb", &files, nullptr, arguments.data(), environ) == 0;
        posix_spawn_file_actions_destroy(&files);
    }
    ~Gdb() { wait(); }
    Gdb(Gdb const&) = delete;
    Gdb& operator=(Gdb const&) = delete;

    [[nodiscard]] bool spawned() const { return spawned_; }
    void interrupt() const { ::kill(process_, SIGINT); }
    void kill() const { ::kill(process_, SIGKILL); }
    void wait() {
        if (spawned_) ::waitpid(process_, nullptr, 0);
        spawned_ = false;
    }

  private:
    pid_t process_ = 0;
    bool spawned_ = false;
};

} // namespace twofold::test
