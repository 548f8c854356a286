// A debugger's thread beside a guest's: it waits for one debugger, and serves it.
#pragma once

#include "debug/gdb_server.hpp"
#include "kvm/kvm_debug_target.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>

namespace twofold::vmm::kvm {

class Debugger {
  public:
    /// The guest stands still at its first instruction until a debugger lets it go on.
    /// `kick`: see DebugGate; `kill` ends the guest.
    Debugger(std::shared_ptr<GdbServer> server, std::deque<Processor>& processors, GuestRam& ram,
             std::function<void(std::size_t)> kick, std::function<void()> kill);
    /// Lets the guest go, and leaves the debugger.
    ~Debugger();
    Debugger(Debugger const&) = delete;
    Debugger& operator=(Debugger const&) = delete;

    [[nodiscard]] DebugGate& gate() { return gate_; }
    /// Why gdb can't watch data; empty when it can.
    [[nodiscard]] std::string_view why_no_watchpoints() const {
        return target_.can_watch() ? "" : no_watchpoints;
    }
    /// To be called when the guest's thread has started.
    void start();

  private:
    std::shared_ptr<GdbServer> server_;
    DebugGate gate_;
    KvmDebugTarget target_;
    std::thread thread_;
};

} // namespace twofold::vmm::kvm
