#include "kvm/debugger.hpp"

#include <utility>

namespace twofold::vmm::kvm {

Debugger::Debugger(std::shared_ptr<GdbServer> server, std::deque<Processor>& processors,
                   GuestRam& ram, std::function<void(std::size_t)> kick, std::function<void()> kill)
    : server_(std::move(server)), gate_(processors.size(), std::move(kick)),
      target_(processors, ram, gate_, std::move(kill)) {}

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
