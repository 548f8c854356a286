#include "kvm/debugger.hpp"

#include <utility>

namespace twofold::vmm::kvm {

Debugger::Debugger(std::shared_ptr<GdbServer> server, Processor& processor, GuestRam& ram,
                   DebugControl control)
    : server_(std::move(server)), target_(processor, ram, gate_, std::move(control)) {}

Debugger::~Debugger() {
    gate_.abandon();
    server_->end();
    if (thread_.joinable()) thread_.join();
}

void Debugger::start() {
    thread_ = std::thread{[this] {
        try {
            (void)server_->serve(target_);
        } catch (std::exception const&) {
            // A connection that breaks is a debugger that is gone.
        }
        gate_.abandon();
    }};
}

} // namespace twofold::vmm::kvm
