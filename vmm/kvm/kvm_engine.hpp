// KVM: no hypervisor of ours; this program drives /dev/kvm itself.
#pragma once

#include "engine/engine.hpp"
#include "kvm/guest_run.hpp"

#include <utility>

namespace twofold::vmm {

class KvmEngine final : public Engine {
  public:
    explicit KvmEngine(kvm::RunOptions options) : options_(std::move(options)) {}

    [[nodiscard]] std::string_view name() const override { return "kvm"; }
    /// There is no machine beside the guest's.
    [[nodiscard]] std::uint64_t machine_memory(LaunchPlan const& plan) const override;
    [[nodiscard]] std::unique_ptr<Run> start(LaunchPlan const& plan, Sinks sinks,
                                             EventLoop& loop) override;

  private:
    /// Throws UsageError for what can't be cloned or put back.
    void check_clones(GuestPlan const& guest) const;
    /// Throws UsageError for a kind of memory that has no pages of that size.
    void check_host_memory(GuestPlan const& guest) const;

    /// Throws UsageError for a launch whose frames can't be limited.
    void limit_frames(LaunchPlan const& plan);

    /// Throws UsageError for a means that KVM has not got here.
    void keep_dirty_log(MemoryPlan const& memory);

    kvm::RunOptions options_;
};

} // namespace twofold::vmm
