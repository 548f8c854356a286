// What stops a command, as exceptions that carry the exit status.
#pragma once

#include <stdexcept>
#include <string>

namespace twofold::vmm {

inline constexpr int exit_success = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;

/// Something could not be done. `what()` is said to the user as it is: what was wrong, where, and
/// what would be right.
class Failure : public std::runtime_error {
  public:
    explicit Failure(std::string const& message, int exit_status = exit_failure)
        : std::runtime_error(message), exit_status_(exit_status) {}

    [[nodiscard]] int exit_status() const { return exit_status_; }

  private:
    int exit_status_;
};

/// What was asked for makes no sense.
class UsageError : public Failure {
  public:
    explicit UsageError(std::string const& message) : Failure(message, exit_usage) {}
};

/// A failed system call: `action` is what was tried, such as "can't write disk.img".
class SystemFailure : public Failure {
  public:
    SystemFailure(std::string const& action, int error_number);
};

/// SIGINT, SIGTERM or SIGHUP arrived. The stack unwinds, so that everything is put away.
class Interrupted : public Failure {
  public:
    explicit Interrupted(int signal_number);
};

/// Nobody reads our output any more.
class OutputClosed : public Failure {
  public:
    OutputClosed();
};

} // namespace twofold::vmm
