#include "kvm/errands.hpp"

#include "system/failure.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <utility>

namespace twofold::vmm::kvm {

Errands::Errands() : waiting_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!waiting_.open()) throw SystemFailure{"can't make an event", errno};
}

bool Errands::run(std::function<void()> action) {
    Errand errand{std::move(action)};
    std::unique_lock lock{mutex_};
    if (closed_) return false;
    errands_.push_back(&errand);
    eventfd_write(waiting_.get(), 1);
    changed_.wait(lock, [&] { return errand.done || closed_; });
    return errand.done;
}

void Errands::do_all() {
    eventfd_t none = 0;
    (void)eventfd_read(waiting_.get(), &none);
    std::unique_lock lock{mutex_};
    while (!errands_.empty()) {
        Errand* const errand = errands_.front();
        errands_.pop_front();
        // Whoever asked waits: the errand stays where it is.
        lock.unlock();
        errand->action();
        lock.lock();
        errand->done = true;
        changed_.notify_all();
    }
}

void Errands::close() {
    std::lock_guard const lock{mutex_};
    closed_ = true;
    errands_.clear();
    changed_.notify_all();
}

} // namespace twofold::vmm::kvm
