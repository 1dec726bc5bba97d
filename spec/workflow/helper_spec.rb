# frozen_string_literal: true

require_relative "rails_application"

RSpec.describe "Workflow::Helper" do
  include RailsApplication

  def rendered(code, **files)
    application(**files)
    in_application(<<~RUBY)
      signup = Signup.start(email: "a@b.c")
      #{code}
      puts ActionController::Base.render(inline: "<%= workflow_for signup %><%= workflow_steps_tag signup %>", locals: { signup: signup })
    RUBY
  end

  # Elements of a region that make it live, which have examples of their own.
  def plain(html)
    html.gsub(%r{\s*<(turbo-cable-stream-source|noscript|script)[ >].*?</\1>}, "").gsub(%r{\s*<li hidden="hidden"></li>}, "").gsub(/ data-workflow-(notice|show)="[^"]*"/, "")
      .gsub(/ data-workflow-run="\w+"/, ' data-workflow-run="RUN"').gsub(/ data-workflow-(mark|at)="[^"]*"/, "").gsub(/>\n/, ">")
  end

  it "renders the partial of what is awaited in an element that is stamped with the run and its version" do
    html = rendered("signup.now(:send_link)")

    expect(plain(html)).to start_with(%(<div class="workflow" id="workflow_signup_1" data-workflow-run="RUN" data-version="8" data-state="waiting">activate a@b.c waiting\n</div>))
    expect(plain(html)).to include(%(<ol class="workflow-steps" id="workflow_signup_1_steps" data-workflow-run="RUN" data-version="8" data-state="waiting"><li class="workflow-step completed"))
    expect(html.scan(/ data-version="8" data-workflow-mark="(\w+)"/).flatten.map { |mark| mark.to_i(36) / 1000 }).to all(be_within(300).of(Time.now.to_i)).and(have_attributes(size: 2))
    expect(html).to match(/ data-workflow-notice="[^"]+" data-workflow-show="Show what is new"/)
  end

  it "says that it got nil, or what no run can be about, and what it takes" do
    application
    said = in_application(<<~'RUBY')
      words = { "workflow_for" => "", "workflow_steps_tag" => "", "workflow_progress_tag" => "", "workflow_form_for" => ", :activate", "workflow_url_for" => ", :activate", "workflow_code_for" => ", :activate" }
      [ nil, "x", Signup, Object.new, Signup.all ].product(words.to_a) do |object, (word, more)|
        ActionController::Base.render(inline: "<%= #{word} given#{more} %>", locals: { given: object })
      rescue ActionView::Template::Error => error
        puts "#{error.cause.class}: #{error.cause.message}"
      end
    RUBY

    takes = "It takes a record or another object of a class that includes Workflow, or a run."
    got = [ "nil: is the instance variable set in the controller?", "a String.", "the class Signup itself.", "a Object.", "a Signup::ActiveRecord_Relation." ]
    words = %w[workflow_for workflow_steps_tag workflow_progress_tag workflow_form_for workflow_url_for workflow_code_for]
    expect(said.lines(chomp: true)).to eq(got.flat_map { |what| words.map { |word| "ArgumentError: #{word} got #{what} #{takes}" } })
  end

  it "brings one stream for a run and one script, however many regions there are" do
    html = rendered("signup.now(:send_link)")

    expect(html.scan(%r{<turbo-cable-stream-source channel="Workflow::StreamChannel" signed-stream-name="[^"]+" data-version="8"></turbo-cable-stream-source>}).size).to eq 1
    expect(html.scan(%r{<script type="module" src="/workflow/live-\h{16}.js"></script>}).size).to eq 1
    expect(html.scan("<noscript>").size).to eq 1
  end

  it "prefers a partial of the state and its step to one of the state, and has its own for all states" do
    own = { "app/views/signups/workflow/_running_send_link.html.erb" => "sending <%= workflow.state %>", "app/views/signups/workflow/_running.html.erb" => "running" }
    expect(plain(rendered("", **own))).to include("sending running")
    expect(plain(rendered("", **own, "app/views/signups/workflow/_running_send_link.html.erb" => "sent"))).to include("sent")
    expect(rendered("signup.now(:send_link); signup.submit(:activate)")).to include("welcome")
  end

  it "has the partials of the class that a record is a kind of, under both names, and one id for both" do
    application("app/models/vip_signup.rb" => "class VipSignup < Signup; end\n", "app/views/vip_signups/workflow/_running.html.erb" => "<%= vip_signup.equal?(signup) %>")
    said = in_application(<<~'RUBY')
      signup = VipSignup.start(email: "a@b.c")
      page = -> { ActionController::Base.render(inline: "<%= workflow_for signup %>", locals: { signup: signup }) }
      puts page.call[/id="(\w+)"/, 1], page.call.include?("true")
      signup.now(:send_link)
      puts page.call.include?("activate a@b.c waiting")
    RUBY

    expect(said).to eq "workflow_signup_1\ntrue\ntrue\n"
  end

  it "has an id of its own for each region, whatever is shown twice" do
    application("app/models/admin/signup.rb" => "module Admin\n  class Signup < ::ActiveRecord::Base\n    include Workflow\n    workflow { later :check }\n    def check; end\n  end\nend\n")
    said = in_application(<<~'RUBY')
      signup, admin = Signup.start(email: "a@b.c"), Admin::Signup.create!(email: "b").tap(&:start)
      html = ActionController::Base.render(inline: "<%= workflow_for signup %><%= workflow_for admin %><%= workflow_for(signup) { 1 } %><%= workflow_for(signup) { 2 } %><%= workflow_for(signup) { 3 } %>",
        locals: { signup: signup, admin: admin })
      puts html.scan(/<div class="workflow" id="(\w+)"/).flatten.map { |id| id.sub(signup.workflow.id.to_s, "RUN") }, html.scan(/data-workflow-base="(\w+)"/).flatten
    RUBY

    expect(said.lines(chomp: true)).to eq %w[workflow_signup_1 workflow_admin_signup_2 workflow_signup_1_part workflow_signup_1_part_RUN workflow_signup_1_part_RUN_2
      workflow_signup_1_part workflow_signup_1_part]
  end

  it "offers what is awaited while others run beside it" do
    application("app/models/order.rb" => <<~RUBY, "app/views/orders/workflow/_waiting_for_confirm.html.erb" => "confirm it", "app/views/orders/workflow/_retrying_mail.html.erb" => "sent again soon")
      class Order
        include Workflow
        attr_reader :number
        remembers :number
        workflow { together { later :mail, retries: 3, backoff: 60; await :confirm } }
        def initialize(number) = @number = number
        def mail = raise("no mail")
        def confirm; end
      end
    RUBY
    said = in_application(<<~'RUBY')
      order = Order.new(1).tap(&:start)
      page = -> { ActionController::Base.render(inline: "<%= workflow_for order %>", locals: { order: order })[/sent again soon|confirm it/].inspect }
      puts page.call
      begin order.now(:mail) rescue RuntimeError end
      puts order.workflow.state, page.call
    RUBY

    expect(said).to eq %("confirm it"\nretrying\n"sent again soon"\n)
  end

  it "says in which state a run is where the application says nothing, in the words of its locales" do
    application("app/views/signups/workflow/_done.html.erb" => "", "config/locales/de.yml" => "de: {workflow: {states: {running: 'In Arbeit: %{step} <3'}, steps: {send_link: Brief}}}")
    File.delete("#{@directory}/app/views/signups/workflow/_done.html.erb", "#{@directory}/app/views/signups/workflow/_waiting_for_activate.html.erb")
    said = in_application(<<~'RUBY')
      signup = Signup.start(email: "a@b.c")
      page = -> { ActionController::Base.render(inline: "<%= workflow_for signup %>", locals: { signup: signup })[%r{<p.*?</p>}m] }
      puts page.call, I18n.with_locale(:de) { page.call }
      signup.workflow.pause
      puts page.call
      signup.workflow.resume
      signup.now(:send_link)
      puts page.call
      signup.submit(:activate)
      puts page.call
      Workflow::Run::STATES.each do |state|
        puts state unless ActionController::Base.new.lookup_context.exists?("workflow/#{state}", [], true) && Workflow::Helper::Texts::STATES[state]
      end
    RUBY

    expect(said.lines(chomp: true)).to eq [ "Working on it: send link.", "In Arbeit: Brief &lt;3", "On hold.", "Waiting for: activate.", "Done." ].map { |text| %(<p class="workflow-state">#{text}</p>) }
  end

  it "shows that a run is paused and why, not the form of the step that waits" do
    html = rendered(%(signup.now(:send_link); signup.workflow.pause(reason: "<b>audit")))

    expect(html).to include(%(data-state="paused"), %(<p class="workflow-state">On hold.</p>\n<p class="workflow-reason">&lt;b&gt;audit</p>))
    expect(html).not_to include("activate a@b.c waiting")
  end

  describe "what visitors see of a run that has failed" do
    let(:model) { <<~RUBY }
      class Signup < ActiveRecord::Base
        include Workflow
        workflow { later :send_link, retries: 1, backoff: 3600; later :welcome }
        def send_link = raise("smtp.internal refused secret-4711")
        def welcome; end
      end
    RUBY

    def pages(code = "")
      application("app/models/signup.rb" => model, "config/locales/de.yml" => <<~YAML)
        de: {workflow: {attempt: "Versuch %{number}", steps: {send_link: Brief schicken}, step_states: {failed: gescheitert, retrying: noch einmal}}}
      YAML
      Dir["#{@directory}/app/views/signups/workflow/*"].each { |file| File.delete(file) }
      in_application(<<~RUBY)
        signup = Signup.start(email: "a@b.c")
        page = ->(code) { ActionController::Base.render(inline: "<%= \#{code} %>", locals: { signup: signup }) }
        #{code}
      RUBY
    end

    it "is neither what the exception said nor who ran the step, in no partial of the gem's" do
      html = pages(<<~'RUBY')
        2.times do
          signup.now(:send_link)
          puts signup.workflow.state, page.("workflow_for signup"), page.("workflow_steps_tag signup")
        end
        signup.workflow.retry
        signup.workflow.skip(:send_link)
        puts page.("workflow_steps_tag signup")
      RUBY

      expect(html).to include("retrying\n", "failed\n", "This did not work yet: send link. We will try again.", "Something went wrong: send link.", "<strong>Send link</strong> <span>failed · attempt 2</span>",
        "<span>skipped</span>")
      expect(html).not_to match(/smtp|4711|RuntimeError|ruby:|skipped by|#{Workflow::Role.by[/@.*/]}|workflow-reason/)
    end

    it "is all of it where the application asks for details, and in the words of its locales" do
      html = pages(<<~'RUBY')
        2.times { signup.now(:send_link) }
        puts page.("workflow_steps_tag signup, details: true"), I18n.with_locale(:de) { page.("workflow_steps_tag signup") }
      RUBY

      expect(html).to match(%r{<strong>Send link</strong> <span>failed · attempt 2 · RuntimeError: smtp.internal refused secret-4711 · \w+:\d+@\S+</span>})
      expect(html).to include("<strong>Brief schicken</strong> <span>gescheitert · Versuch 2</span>", "<strong>Welcome</strong> <span>pending</span>")
    end

    it "is not what is to be done about code that has a step no more" do
      html = pages("signup.workflow.pause(reason: Workflow::Gap.at(Workflow.engine.find(signup.workflow.id), 'send_link', Signup, nil).to_s); puts page.('workflow_for signup')")
      expect(html).to include("On hold.")
      expect(html).not_to include("run.resume")
    end
  end

  it "renders without a run, and for plain objects" do
    expect(plain(rendered("signup = Signup.new"))).to include(%(<div class="workflow" id="workflow_signup_new" data-workflow-run="" data-version="0" data-state="none">), "Not started.")
    html = rendered("signup = Plain.new.tap(&:start)", "app/models/plain.rb" => "class Plain; include Workflow; workflow { later :go }; def go; end; end")
    expect(html).to include(%(data-state="running"), "Working on it: go.")
    expect(html).to match(/id="workflow_plain_\w{13}"/)
  end

  it "renders runs whose record or class is gone, by the run's own id" do
    application
    said = in_application(<<~'RUBY')
      class Plain; include Workflow; workflow { later :go }; def go; end; end
      signup = Signup.start(email: "a@b.c")
      runs = [ signup.workflow, Plain.new.tap(&:start).workflow ]
      Signup.delete_all
      Object.send(:remove_const, :Plain)
      runs.each do |run|
        run = Workflow::Run.new(Workflow.engine.find(run.id))
        html = ActionController::Base.render(inline: "<%= workflow_for run %><%= workflow_steps_tag run %><%= workflow_progress_tag run %>", locals: { run: run })
        puts html.scan(/<(?:div|ol)[^>]* id="(\w+)"/).flatten.join(" ").gsub(run.id, "RUN"), html[%r{<p.*?</p>}]
      end
    RUBY

    ids = "workflow_run_RUN workflow_run_RUN_steps workflow_run_RUN_progress\n"
    expect(said).to eq %(#{ids}<p class="workflow-state">Working on it: send link.</p>\n#{ids}<p class="workflow-state">Working on it: go.</p>\n)
  end

  it "is in no fragment that is cached, where it would stay as it was" do
    application("config/initializers/caching.rb" => "Rails.application.config.cache_store = :memory_store\n")
    said = in_application(<<~'RUBY')
      signup = Signup.start(email: "a@b.c")
      page = ->(code) { ActionController::Base.render(inline: "<% cache signup do %><%= #{code} %><% end %>", locals: { signup: signup })[/data-state="\w+"/].inspect }
      %w[workflow_for workflow_steps_tag workflow_progress_tag].each do |name|
        puts page.("#{name} signup")
      rescue ActionView::Template::Error => error
        puts error.cause.class
      end
      ActionController::Base.perform_caching = false
      puts page.("workflow_for signup")
    RUBY

    expect(said.lines(chomp: true)).to eq [ *[ "ActionView::Helpers::CacheHelper::UncacheableFragmentError" ] * 3, '"data-state=\"running\""' ]
  end

  it "names its regions by subject, workflow, and what they show; those inside another of the run are plain" do
    application("app/models/order.rb" => <<~RUBY, "app/views/orders/_timeline.html.erb" => "<%= workflow_steps_tag workflow %>")
      class Order < ActiveRecord::Base
        self.table_name = "signups"
        include Workflow
        workflow(:fulfilment) { later :pack }
        workflow(:billing) { later :charge }
        def pack; end
        def charge; end
      end
    RUBY
    said = in_application(<<~'RUBY')
      order = Order.create!(email: "a")
      run, other = order.start(:fulfilment), order.start(:billing)
      html = ActionController::Base.render(inline: <<~ERB, locals: { run: run, other: other })
        <%= workflow_for run %><%= workflow_for run, partial: "orders/timeline" %><%= workflow_progress_tag run %>
        <%= workflow_for(run) { |workflow| workflow.state.to_s } %><%= workflow_for(run, id: "mine") { workflow_steps_tag other } %>
      ERB
      puts html.scan(/<(?:div|ol)[^>]*? id="[^"]*"/).join.scan(/id="(.*?)"/), html.scan("<ol").size, html.scan("<turbo-cable").size, html.include?("running</div>")
    RUBY

    expect(said.lines(chomp: true)).to eq %w[workflow_order_1_fulfilment workflow_order_1_fulfilment_timeline workflow_order_1_fulfilment_progress
      workflow_order_1_fulfilment_part mine workflow_order_1_billing_steps 3 2 true]
  end

  it "takes runs that have not started for one where they are of one object and workflow" do
    application("app/models/order.rb" => <<~RUBY)
      class Order < ActiveRecord::Base
        self.table_name = "signups"
        include Workflow
        workflow(:fulfilment) { later :pack }
        workflow(:billing) { later :charge }
        def pack; end
        def charge; end
      end
    RUBY
    said = in_application(<<~'RUBY')
      order, other = Array.new(2) { Order.create!(email: "a") }
      runs = [ order.workflow(:fulfilment), Order.find(order.id).workflow(:fulfilment), order.workflow(:billing), other.workflow(:fulfilment), Order.new.workflow(:billing), Order.new.workflow(:billing) ]
      html = ActionController::Base.render(inline: "<%= workflow_for(runs.first) { safe_join(runs.map { |run| workflow_steps_tag run }) } %>", locals: { runs: runs })
      puts html.scan(/<ol class="workflow-steps"(?: id="(\w+)")?/).map { |(id)| id.inspect }
    RUBY

    expect(said.lines(chomp: true)).to eq %w[nil nil "workflow_order_1_billing_steps" "workflow_order_2_fulfilment_steps" "workflow_order_new_billing_steps"
      "workflow_order_new_billing_steps_none"]
  end

  it "shows how far the step says it is, as a bar with a text" do
    bar = ->(code) { plain(in_application(<<~RUBY)) }
      signup = Signup.start(email: "a@b.c")
      #{code}
      puts ActionController::Base.render(inline: "<%= workflow_progress_tag signup %>", locals: { signup: signup })
    RUBY
    application("app/models/signup.rb" => <<~RUBY)
      class Signup < ActiveRecord::Base
        include Workflow
        workflow { later :import, retries: 1; later :finish }
        def import
          progress(4, of: 10, message: "<b>importing")
          raise "the first attempt"
        end
        def finish; end
      end
    RUBY
    element = %(<div class="workflow-progress" id="workflow_signup_%d_progress" data-workflow-run="RUN" data-version="%d" data-state="%s">%s</div>)

    expect(bar.("")).to eq format(element, 1, 2, "running", '<progress max="100" aria-label="Working on it: import."></progress> <span>Working on it: import.</span>')
    expect(bar.("signup.now(:import)")).to include('data-state="retrying"', '<progress max="100" value="40" aria-label="4 of 10: &lt;b&gt;importing"></progress> <span>4 of 10: &lt;b&gt;importing</span>')
    expect(bar.("signup.workflow.skip(:import); signup.now(:finish)")).to include('<progress max="100" value="100" aria-label="Done."></progress> <span>Done.</span>')
  end

  it "leads on when a step is completed, and says where that is to stand" do
    application
    said = in_application(<<~'RUBY')
      signup = Signup.start(email: "a@b.c")
      page = ->(step) { ActionController::Base.render(inline: "<%= workflow_for(signup) { visit_when(step, done: '/a?b=1&c') } %>", locals: { signup: signup, step: step }) }
      puts page.(:send_link).include?("workflow-visit"), page.(:create)[/<span.*span>/]
      begin
        ActionController::Base.render(inline: "<%= visit_when :create, done: '/' %>")
      rescue ActionView::Template::Error => error
        puts error.message
      end
    RUBY

    expect(said.lines(chomp: true)).to eq [ "false",
      '<span hidden="hidden" data-workflow-visit="/a?b=1&amp;c"><noscript><meta http-equiv="refresh" content="0;url=/a?b=1&amp;c"></noscript></span>',
      "visit_when :create is not in a region of a run. Put it into a partial or the block of workflow_for." ]
  end

  it "has browsers without scripting look again as often as the state asks for, and never where somebody types" do
    application("app/models/reminder.rb" => <<~RUBY, "config/initializers/fields.rb" => "FORM = '<form><input type=\"hidden\"><input type=\"submit\"></form>'; FIELD = '<input name=\"code\">'")
      class Reminder
        include Workflow
        remembers :seconds
        attr_reader :seconds
        workflow(:soon) { later :go, wait: 7 }
        workflow(:late) { later :go, wait: 3600 }
        def initialize(seconds) = @seconds = seconds
        def go; end
      end
    RUBY
    said = in_application(<<~'RUBY')
      signup = Signup.start(email: "a@b.c")
      refresh = lambda do |content = "", **options|
        ActionController::Base.render(inline: "<%= workflow_for(signup, **options) { content } %>", locals: { signup: signup, content: content.html_safe, options: options })[/refresh" content="(\d+)/, 1].inspect
      end
      puts refresh.call
      signup.now(:send_link)
      puts refresh.call, refresh.(FORM), refresh.(FIELD), refresh.("<textarea>"), refresh.(refresh: 5), refresh.(FIELD, refresh: 5), refresh.(refresh: false)
      answer = ActionController::Base.renderer.new(method: "post").render(inline: "<%= workflow_for(signup) %>", locals: { signup: signup })
      puts answer.include?("http-equiv"), answer.include?('data-workflow-answer="true"')
      signup.submit(:activate)
      puts refresh.call
      signup = Signup.new
      puts refresh.call
      signup = Reminder.new(1).start(:soon)
      puts (2..7).cover?(refresh.call[/\d+/].to_i)
      signup = Reminder.new(1).start(:late)
      puts refresh.call
    RUBY

    expect(said.lines(chomp: true)).to eq %w["2" "10" "10" nil nil "5" "5" nil false true nil nil true "30"]
  end

  it "makes forms for awaits, with Rails' builders, what was typed and what was wrong with it" do
    application("app/models/payment.rb" => <<~RUBY)
      class Payment
        include Workflow
        workflow { await :confirm, fields: { code: String, count: [ Integer, nil ] }; now :ship }
        def confirm(code:, count:) = (reject "Not the code." unless code == "1")
        def ship; end
      end
    RUBY
    said = in_application(<<~'RUBY')
      show = ->(erb, **locals) { puts ActionController::Base.render(inline: erb, locals: { payment: Payment.new.tap(&:start), input: nil, submission: nil, **locals }).split(/(?=<)/).map(&:strip) }
      show.("<%= workflow_form_for payment, :confirm, url: '/confirm', authenticity_token: false %>")
      payment = Payment.new.tap(&:start)
      input = { code: "<2>", count: "many" }
      own = "<%= workflow_form_for payment, :confirm, submission: submission, input: input, url: '/x', authenticity_token: false do |form| %><%= form.text_field :code %>" \
        "<%= form.number_field :count, class: 'n' %><%= form.object.errors.full_messages %><% end %>"
      show.(own, payment: payment, submission: payment.submit(:confirm, **input), input: input)
      show.(own, payment: payment, submission: payment.submit(:confirm, code: "2"), input: ActionController::Parameters.new(code: "\xFF", count: { a: 1 }))
      puts ActionController::Base.render(inline: "<%= workflow_form_for payment, :confirm, url: '/x', namespace: 'first' %>", locals: { payment: Payment.new.tap(&:start) }).scan(/(?:for|id)="[^"]+"/).join(" ")
      begin
        show.("<%= workflow_form_for payment, :ship %>")
      rescue ActionView::Template::Error => error
        puts error.message
      end
    RUBY

    form = '<form action="%s" accept-charset="UTF-8" method="post">'
    expect(said.lines(chomp: true)).to eq [
      form % "/confirm", "<p>", '<label for="input_code">Code', "</label>", '<input required="required" type="text" name="input[code]" id="input_code" />', "</p>",
      "<p>", '<label for="input_count">Count', "</label>", '<input type="number" name="input[count]" id="input_count" />', "</p>",
      '<button name="button" type="submit">Send', "</button>", "</form>",
      form % "/x", '<input type="text" value="&lt;2&gt;" name="input[code]" id="input_code" />', '<div class="field_with_errors">',
      '<input class="n" type="number" value="many" name="input[count]" id="input_count" />', "</div>[&quot;Count must be a whole number&quot;]", "</form>",
      form % "/x", %(<input type="text" value="\uFFFD" name="input[code]" id="input_code" />), '<input class="n" type="number" name="input[count]" id="input_count" />[&quot;Not the code.&quot;]',
      "</form>", %w[for id].map { |name| %(#{name}="first_input_code") }.join(" ") + " " + %w[for id].map { |name| %(#{name}="first_input_count") }.join(" "),
      "workflow_form_for: ship is no await, so that it takes no input"
    ]
  end
end
