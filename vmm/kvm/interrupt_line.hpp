// A device's line to the interrupt controllers.
#pragma once

#include <functional>
#include <utility>

namespace twofold::vmm::kvm {

/// Raises or lowers one of the machine's lines.
using SetInterruptLine = std::function<void(unsigned line, bool level)>;

class InterruptLine {
  public:
    InterruptLine(SetInterruptLine set_line, unsigned line)
        : set_line_(std::move(set_line)), line_(line) {}

    /// Nothing happens where the line is so already.
    void set(bool level) {
        if (level != level_) set_line_(line_, level);
        level_ = level;
    }

    /// The line is so already, without being set.
    void assume(bool level) { level_ = level; }

  private:
    SetInterruptLine set_line_;
    unsigned line_;
    bool level_ = false;
};

} // namespace twofold::vmm::kvm
