// A guest under KVM from its loading to its last record: one thread for each processor.
#pragma once

#include "engine/engine.hpp"
#include "kvm/guest_machine.hpp"
#include "kvm/outbox.hpp"

#include <memory>
#include <optional>

namespace twofold::vmm::kvm {

class GuestRun final : public Run {
  public:
    /// Throws Failure, before the guest has run, for what can't be run here.
    GuestRun(GuestPlan const& plan, RunOptions const& options, Sinks sinks, EventLoop& loop);
    ~GuestRun() override;
    GuestRun(GuestRun const&) = delete;
    GuestRun& operator=(GuestRun const&) = delete;

    [[nodiscard]] bool finished() const override { return ended_.has_value(); }
    [[nodiscard]] std::optional<Clock::time_point> deadline() const override;
    void tick() override;
    [[nodiscard]] Ending ending() override;

  private:
    void prepare(GuestPlan const& plan);
    void start_thread();
    void on_outbox();
    void take_results();
    void keep_results();

    RunOptions options_;

    Sinks sinks_;
    EventLoop& loop_;
    Clock::time_point started_ = Clock::now();
    std::optional<Clock::time_point> ended_;
    std::optional<Clock::time_point> deadline_;
    /// When to see what the guest has printed, announced or not.
    std::optional<Clock::time_point> look_at_;
    Outbox outbox_;
    std::unique_ptr<GuestMachine> machine_;
};

} // namespace twofold::vmm::kvm
