// Signals as events that arrive when we look for them, so that nothing is half done.
#pragma once

#include "system/file_descriptor.hpp"

#include <csignal>

namespace twofold::vmm {

/// While it lives, SIGINT, SIGTERM and SIGHUP wait until they are looked for, and writing to a
/// closed pipe is an error instead of a signal. A signal that was ignored stays so.
class Signals {
  public:
    Signals();
    ~Signals();
    Signals(Signals const&) = delete;
    Signals& operator=(Signals const&) = delete;

    /// Readable when a signal waits.
    [[nodiscard]] int descriptor() const { return waiting_.get(); }
    /// Throws Interrupted if a signal waits.
    void check() const;

    /// For a child between fork and exec: signals as they were before.
    void restore() const;

  private:
    sigset_t before_{};
    FileDescriptor waiting_;
};

} // namespace twofold::vmm
