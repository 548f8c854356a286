// A child that never outlives us.
#pragma once

#include "system/file_descriptor.hpp"
#include "system/signals.hpp"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace twofold::vmm {

struct Invocation {
    /// The program, looked for in PATH if it has no slash, and its arguments.
    std::vector<std::string> command;
    /// Descriptors that the child finds under the same numbers.
    std::vector<int> inherited;
    /// Becomes standard output and standard error. Standard input is /dev/null.
    int output;
    /// Keep the child away from the network where the system lets us.
    bool without_network = false;
};

/// Runs in a session of its own, so that a terminal's Ctrl-C reaches us alone. It is killed when
/// this object ends, with all that it started, and by the kernel when we die.
class ChildProcess {
  public:
    /// Throws when the program could not be started.
    ChildProcess(Invocation const& invocation, Signals const& signals);
    ~ChildProcess();
    ChildProcess(ChildProcess const&) = delete;
    ChildProcess& operator=(ChildProcess const&) = delete;

    /// Readable when the child has ended.
    [[nodiscard]] int ended_descriptor() const { return ended_.get(); }
    void kill();
    /// Waits for the end. The exit status, or 128 + the number of the signal.
    int wait();

  private:
    pid_t pid_ = -1;
    FileDescriptor ended_;
    std::optional<int> status_;
};

} // namespace twofold::vmm
