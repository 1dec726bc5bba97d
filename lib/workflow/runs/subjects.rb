# frozen_string_literal: true

module Workflow
  class Runs
    # Whose runs are meant, as what their keys begin with. Called by Runs only.
    module Subjects
      class << self
        # @param klass [Class] that the query is about
        # @param what [ActiveRecord::Relation, Object, Array<Object>]
        # @return [Proc] gives the beginnings of keys, each time anew
        # @raise [ArgumentError] of what is not of the class
        def of(klass, what)
          return of_relation(klass, what) if relation?(what)
          objects = what.is_a?(Array) ? what : [ what ]
          objects.each { |object| refuse(klass, object) unless ours?(klass, object.class) }
          subjects = objects.map { |object| Subject.of(object) }.select(&:identified?)
          prefixes = subjects.map(&:prefix).uniq
          -> { prefixes }
        end

        # The scope that `Order.workflows` is called in, where it means less than all records: that of a relation or an
        # association, or the type of a subclass of a record's class. A default scope hides no runs.
        # @return [ActiveRecord::Relation, nil]
        def scope_of(klass)
          return unless Subject.record?(klass)
          return klass.all if narrowed?(klass)
          klass.unscoped unless klass.base_class?
        end

        private
          def relation?(what) = defined?(::ActiveRecord::Relation) && what.is_a?(::ActiveRecord::Relation)

          def of_relation(klass, relation)
            refuse(klass, relation) unless ours?(klass, relation.klass)
            name = Subject.class_name(klass)
            -> { relation.ids.compact.uniq.map { |id| Subject.prefix_of(name, id) } }
          end

          def ours?(klass, other)
            other.is_a?(Declaring) && Subject.class_name(other) == Subject.class_name(klass)
          end

          def narrowed?(klass)
            scope = klass.current_scope or return false
            [ klass.default_scoped, klass.unscoped ].none? { |whole| whole.to_sql == scope.to_sql }
          end

          def refuse(klass, what)
            other = relation?(what) ? what.klass : what.class
            described = relation?(what) ? "a relation of #{other}" : what.inspect
            hint = other.is_a?(Declaring) ? " Ask #{other}.workflows.for." : " It takes a relation, an object or an array of them."
            raise ArgumentError, "#{klass}.workflows.for: #{described} is no #{klass}.#{hint}"
          end
      end
    end
  end
end
