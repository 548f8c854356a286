// A debugger's thread beside a guest's: it waits for one debugger, and serves it.
#pragma once

#include "debug/gdb_server.hpp"
#include "kvm/kvm_debug_target.hpp"

#include <memory>
#include <thread>

namespace twofold::vmm::kvm {

class Debugger {
  public:
    /// The guest stands still at its first instruction until a debugger lets it go on.
    Debugger(std::shared_ptr<GdbServer> server, Processor& processor, GuestRam& ram,
             DebugControl control);
    /// Lets the guest go, and leaves the debugger.
    ~Debugger();
    Debugger(Debugger const&) = delete;
    Debugger& operator=(Debugger const&) = delete;

    [[nodiscard]] DebugGate& gate() { return gate_; }
    /// To be called when the guest's thread has started.
    void start();

  private:
    std::shared_ptr<GdbServer> server_;
    DebugGate gate_;
    KvmDebugTarget target_;
    std::thread thread_;
};

} // namespace twofold::vmm::kvm
